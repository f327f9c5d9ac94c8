"""Words of the demonstration's pages. People, departments' doings and figures in them are invented."""

from typing import Any

NOTE = "示例内容，人物与事件均为虚构。"

#: Articles of 廉洁文化: slug, title, audience, summary, author line, picture, body.
ARTICLES: list[dict[str, Any]] = [
    {
        "slug": "bu-shou-xian-hua",
        "title": "一束退回去的鲜花",
        "audience": "public",
        "summary": "患者出院那天送来一束花和一个信封。护士长留下了花，请家属把信封带回去。",
        "author_line": "宣传科",
        "picture": "hills",
        "alt": "青色的远山和一轮浅色的太阳",
        "body": [
            (
                "text",
                "<p>三月的一个早晨，骨科病区七床的老人要出院了。儿子抱着一束花来到护士站，花下面压着一个信封。护士长"
                "周岚把花接过来插进瓶里，把信封放回对方手中。</p><p>“您看，护士站最缺的就是这束花。”她说，“这个请您"
                "收好，回去给老人买双防滑的鞋，比什么都强。”</p>",
            ),
            ("heading", {"text": "怎么说，比说不更难", "level": "2"}),
            (
                "text",
                "<p>病区后来把这件事拿到晨会上讨论。大家觉得，拒绝并不难，难的是不让人尴尬。几位年资高的护士说了自己的"
                "办法：</p><ul><li>先谢，再说规定，最后给一件对方能做的事；</li><li>当着同事的面说，不在走廊尽头说；</li>"
                "<li>退不掉的，当天交到纪检监察室登记，由登记人联系家属。</li></ul>",
            ),
            ("quote", {"text": "收下一次，下一次查房时心里就会多想一秒。", "by": "一位老护士"}),
            (
                "text",
                "<p>一个月后，老人来复查，脚上穿着一双新鞋。</p>",
            ),
        ],
    },
    {
        "slug": "chu-fang-san-wen",
        "title": "开处方前的三个问题",
        "audience": "public",
        "summary": "药学部请十二位医师写下自己开处方前会想的事，整理成三个问题。",
        "author_line": "药学部",
        "picture": "circles",
        "alt": "几个大小不同的青色圆环交叠在一起",
        "body": [
            ("text", "<p>这三个问题没有写进制度，只是贴在几间诊室的屏幕边上。</p>"),
            ("heading", {"text": "一、这一种，病人今天需要吗", "level": "2"}),
            ("text", "<p>能口服的不输液，能用一种的不用两种。拿不准时，先看指南，再问临床药师。</p>"),
            ("heading", {"text": "二、换一位同事，会开一样的吗", "level": "2"}),
            (
                "text",
                "<p>与同行差得多，不一定是错，也许病人本来就不同。但差得多，就值得自己先看一眼。</p>",
            ),
            ("heading", {"text": "三、别人问起来，说得清吗", "level": "2"}),
            ("text", "<p>病历里写得清，就不怕问。写不清的，现在补上，比以后解释容易。</p>"),
        ],
    },
    {
        "slug": "she-bei-ke-de-tai-zhang",
        "title": "设备耗材科的一本台账",
        "audience": "public",
        "summary": "供应商代表来访，从口头约见改为登记预约后，一年里发生了什么。",
        "author_line": "设备耗材科",
        "picture": "steps",
        "alt": "由低到高的一排青色方柱",
        "body": [
            (
                "text",
                "<p>以前，代表来访靠电话约。谁来过、谈了什么，只有当事人知道。去年起，所有来访先在登记表上填写单位、"
                "事由和接待人，在接待室见面，两人在场。</p>",
            ),
            (
                "table",
                {
                    "caption": "登记前后的来访（示例数字）",
                    "header_row": True,
                    "cells": "项目|登记前半年|登记后半年\n登记在册的来访|37|118\n一人接待|29|0\n约在办公室以外|16|2",
                },
            ),
            (
                "text",
                "<p>来访并没有变少，只是都写在了纸上。科里的年轻人说，最大的好处是不用再想怎么推辞：请对方去填表就行。</p>",
            ),
        ],
    },
    {
        "slug": "jia-shu-de-yi-feng-xin",
        "title": "家属开放日：听一听家里人怎么说",
        "audience": "public",
        "summary": "二十六个家庭来到医院，看一看家人上班的地方，也聊一聊收到礼物时怎么办。",
        "author_line": "宣传科",
        "picture": "house",
        "alt": "一座简单的青色房子和一棵树",
        "body": [
            (
                "number_card",
                [
                    {"label": "到场家庭", "value": "26", "unit": "个", "source": "签到表，当天"},
                    {"label": "写下的话", "value": "41", "unit": "条", "source": "留言卡"},
                ],
            ),
            (
                "text",
                "<p>一位心内科医师的女儿今年九岁。她在卡片上写：“爸爸说别人给的糖要先问能不能吃，我看他自己也是"
                "这样的。”</p><p>留言卡现在贴在职工食堂门口，您可以去看看。</p>",
            ),
        ],
    },
    {
        "slug": "zi-cha-zi-jiu-tong-zhi",
        "title": "关于开展节前自查的通知",
        "audience": "internal",
        "summary": "各科室在本月二十五日前完成自查，填写附表后交纪检监察室。仅限院内阅读。",
        "author_line": "纪检监察室",
        "picture": "",
        "alt": "",
        "body": [
            (
                "text",
                "<p>节日将至，请各科室对照下列事项自查：</p><ol><li>是否有未登记的代表来访；</li><li>是否有由供应商"
                "支付的聚餐、出行；</li><li>是否有退不掉而未登记的礼品。</li></ol><p>发现问题主动说明的，按规定从宽处理。"
                "如有疑问，请先与纪检监察室联系。</p>",
            ),
        ],
    },
    {
        "slug": "yi-ci-bei-tui-hui-de-cai-gou",
        "title": "一次被退回的采购申请",
        "audience": "internal",
        "summary": "申请写明了品牌，却没有写明需要。院内案例讨论稿。",
        "author_line": "审计科",
        "picture": "",
        "alt": "",
        "body": [
            (
                "text",
                "<p>某科室申请采购一台设备，参数一栏几乎照抄了一家厂商的说明书。审计科把申请退了回去，请科室重新写："
                "要解决什么问题，每月大约用多少次，三家以上的产品哪些能满足。</p><p>重新提交的申请多了两页，最后中选的"
                "产品便宜了四分之一。</p>",
            ),
        ],
    },
]

DRAFT = {
    "slug": "shu-qi-hong-bao",
    "title": "手术前，家属问红包要不要准备",
    "audience": "public",
    "summary": "一篇还在写的稿子。",
    "author_line": "宣传科",
    "picture": "",
    "alt": "",
    "body": [("text", "<p>提纲：麻醉科门诊的一段对话；标准回答；写进术前告知单之后的变化。</p>")],
}
WAITING = {
    "slug": "xin-ru-zhi-di-yi-ke",
    "title": "新职工的第一课：从一张排班表说起",
    "audience": "public",
    "summary": "新入职的护士为什么要学看排班表上的备注栏。",
    "author_line": "护理部",
    "picture": "",
    "alt": "",
    "body": [
        (
            "text",
            "<p>岗前培训的第一堂课没有讲条文。带教老师发下一张三年前的排班表，请大家找出备注栏里换班最多的一天："
            "那一天，有人请客吃饭。</p>",
        )
    ],
}
SCHEDULED = {
    "slug": "xia-yue-xue-xi-an-pai",
    "title": "下月学习安排",
    "audience": "public",
    "summary": "两次集中学习、一次现场教学的时间与地点。",
    "author_line": "党办",
    "picture": "",
    "alt": "",
    "body": [("text", "<p>集中学习安排在每月第一、第三个星期四下午；现场教学的地点另行通知。</p>")],
}

#: 支部品牌: slug, title, organisation, one line, secretary, what was done, text, picture.
BRANDS: list[dict[str, Any]] = [
    {
        "slug": "ye-deng",
        "title": "夜灯",
        "party_org": "内科第一党支部",
        "slogan": "夜里也有人接电话",
        "secretary": "顾知远",
        "achievements": [
            "夜间咨询电话每晚有一名党员值守",
            "把常问的四十个问题印成一页纸",
            "为独居老人建了随访表",
        ],
        "text": "<p>电话放在护士站的角上，灯一亮就有人接。问得最多的不是病，是“要不要现在过来”。</p>",
        "summary": "夜间咨询电话，接电话的人轮流来。",
        "picture": "moon",
        "alt": "深青色夜空里的一弯月亮",
    },
    {
        "slug": "yi-ba-chi",
        "title": "一把尺",
        "party_org": "外科第二党支部",
        "slogan": "耗材用在哪儿，量得出来",
        "secretary": "方一鸣",
        "achievements": ["每台手术后当场核对高值耗材", "每月公布本支部耗材用量", "同类手术先比较再选型"],
        "text": "<p>核对只要两分钟：扫码，两人签字。半年下来，账实不符的次数从每月七次降到没有（示例数字）。</p>",
        "summary": "每台手术后，两个人一起量一遍。",
        "picture": "ruler",
        "alt": "一把带刻度的青色直尺",
    },
    {
        "slug": "tou-ming-chuang",
        "title": "透明窗",
        "party_org": "医技第一党支部",
        "slogan": "排队看得见，加急说得清",
        "secretary": "温书禾",
        "achievements": ["检查预约的顺序在大厅公开", "加急写明理由并留名", "每周抽查二十份加急单"],
        "text": "<p>窗口上方的屏幕显示每个队列的人数。谁插了队、为什么，旁边有一行小字。</p>",
        "summary": "检查预约公开顺序，加急写明理由。",
        "picture": "window",
        "alt": "分成四格的青色窗户",
    },
    {
        "slug": "hui-tou-kan",
        "title": "回头看",
        "party_org": "机关第三党支部",
        "slogan": "办完的事，三个月后再看一次",
        "secretary": "沈砚秋",
        "achievements": ["采购合同到货后复核一次价格", "对五个科室做了服务回访", "整理了十二条可以省的手续"],
        "text": "<p>机关支部不看病，能做的是让看病的人少跑一趟。每件办完的事，三个月后翻出来再看一次。</p>",
        "summary": "办完的事，过三个月再翻出来看。",
        "picture": "arc",
        "alt": "两道相向的青色弧线",
    },
]

#: 学习园地: slug, title, audience, minutes, hours, summary, text, whether a file comes with it.
LEARNING: list[dict[str, Any]] = [
    {
        "slug": "jie-dai-gui-fan",
        "title": "代表来访，按这五步接待",
        "audience": "public",
        "minutes": 12,
        "hours": "0.5",
        "summary": "预约、登记、两人在场、留下记录、当天归档。",
        "text": "<ol><li>请对方在登记表上预约；</li><li>在接待室见面，不去办公室和诊室；</li><li>接待人不少于两名；</li>"
        "<li>谈话要点当场记录，双方签名；</li><li>当天交科室档案员。</li></ol>",
        "file": True,
    },
    {
        "slug": "shen-me-shi-pian-li",
        "title": "怎样看“偏离同行”：一张图读懂",
        "audience": "public",
        "minutes": 20,
        "hours": "0.5",
        "summary": "偏离不等于违规。这一课讲清楚比较的是谁、比的是什么、例数太少时为什么不下结论。",
        "text": "<p>系统把一位医师与同类科室、同一时期的同行相比。偏离同行，只说明需要核实：也许病人更重，也许新技术刚"
        "开展。例数太少时，系统不下结论。</p>",
        "file": False,
    },
    {
        "slug": "li-pin-deng-ji",
        "title": "退不掉的礼品怎么登记",
        "audience": "internal",
        "minutes": 8,
        "hours": "0",
        "summary": "院内流程：谁登记、交到哪里、多久有回音。",
        "text": "<p>当天交到纪检监察室，填写登记单。三个工作日内由登记人联系对方退回；退不回的，按规定处理并告知您结果。</p>",
        "file": False,
    },
]

#: Pages of the small hospital.
SMALL: list[dict[str, Any]] = [
    {
        "slug": "shan-li-de-yi-yuan",
        "title": "山里的医院，账本放在门口",
        "audience": "public",
        "summary": "药价和检查价写在门口的板上，改一次擦一次。",
        "author_line": "院办",
        "picture": "hills",
        "alt": "青色的远山和一轮浅色的太阳",
        "body": [
            (
                "text",
                "<p>云岭示例医院只有十个科室。门口的价目板是手写的，药房的同事每次调价就去擦一行、写一行。来看病的人"
                "先看板，再挂号。</p>",
            )
        ],
    },
    {
        "slug": "zhi-ban-an-pai",
        "title": "节日值班与车辆使用安排",
        "audience": "internal",
        "summary": "院内通知。",
        "author_line": "院办",
        "picture": "",
        "alt": "",
        "body": [("text", "<p>节日期间公务车辆统一停放院内，用车须登记事由和里程。</p>")],
    },
]
