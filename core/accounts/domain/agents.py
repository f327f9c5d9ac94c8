"""A browser's own description, as a person would say it: “Windows 电脑 · Edge”."""

import ipaddress

#: First match wins; the order matters because browsers name their ancestors too.
SYSTEMS = (
    ("HarmonyOS", "鸿蒙设备"),
    ("OpenHarmony", "鸿蒙设备"),
    ("iPhone", "iPhone 手机"),
    ("iPad", "iPad 平板"),
    ("Android", "安卓手机"),
    ("CrOS", "Chromebook 电脑"),
    ("Windows", "Windows 电脑"),
    ("Macintosh", "Mac 电脑"),
    ("UOS", "统信电脑"),
    ("Kylin", "麒麟电脑"),
    ("Linux", "Linux 电脑"),
)
BROWSERS = (
    ("wxwork/", "企业微信"),
    ("MicroMessenger/", "微信"),
    ("DingTalk/", "钉钉"),
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("HuaweiBrowser/", "华为浏览器"),
    ("MiuiBrowser/", "小米浏览器"),
    ("QQBrowser/", "QQ 浏览器"),
    ("360SE", "360 浏览器"),
    ("QIHU", "360 浏览器"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Trident/", "Internet Explorer"),
    ("MSIE ", "Internet Explorer"),
    ("Safari/", "Safari"),
)


def label(agent: str) -> str:
    """System and browser in plain words; what is not known is said so."""
    system = next((said for mark, said in SYSTEMS if mark in agent), "未知设备")
    if system == "安卓手机" and "Mobile" not in agent:
        system = "安卓平板"
    browser = next((said for mark, said in BROWSERS if mark in agent), "")
    return f"{system} · {browser}" if browser else system


def place(address: str | None) -> str:
    """Where a request came from: this machine, the hospital's network, or outside, with the address."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if found.is_loopback:
        return "服务器本机"
    return f"{'内网' if found.is_private else '外网'} {found}"
