// The routes of the site. Django serves one shell for all of them; see templates/site/shell.html.
import { defineAsyncComponent, h } from "vue";
import { createRouter, createWebHistory, type RouteLocationNormalized, type Router } from "vue-router";
import { asError } from "./api";
import { countNotices, enterHospital, loadSession, member, startSlug, store, visitHospital } from "./session";
import { say, tell } from "./notices";

declare module "vue-router" {
  /** `open`: for everybody, in no hospital; `visitors`: in a hospital, also for people without a post there. */
  interface RouteMeta { title?: string; open?: boolean; visitors?: boolean }
}

const PublicHome = () => import("./pages/PublicHome.vue");
const fronts = { work: defineAsyncComponent(() => import("./pages/Home.vue")), open: defineAsyncComponent(PublicHome) };
/** One address, two first pages: what waits for the person, or what the hospital shows to everybody. */
const Front = { setup: () => () => h(member.value ? fronts.work : fronts.open) };

export function makeRouter(): Router {
  const router = createRouter({
    history: createWebHistory("/"),
    scrollBehavior: (to, from, saved) => saved || (to.path === from.path ? false : { top: 0 }),
    routes: [
      { path: "/", name: "start", component: () => import("./pages/ChooseHospital.vue"), meta: { title: "选择医院" } },
      { path: "/sign-in", name: "sign-in", component: () => import("./pages/SignIn.vue"), meta: { title: "登录", open: true } },
      { path: "/secure", name: "secure", component: () => import("./pages/Secure.vue"), meta: { title: "先完成这一步" } },
      { path: "/h/:slug/", name: "home", component: Front, meta: { title: "首页", visitors: true } },
      { path: "/h/:slug/columns", name: "columns", component: PublicHome, meta: { title: "专栏与公示", visitors: true } },
      { path: "/h/:slug/c/:path(.*)*", name: "page", component: () => import("./pages/CmsPage.vue"), meta: { visitors: true } },
      { path: "/h/:slug/preview/:token", name: "preview", component: () => import("./pages/PreviewPage.vue"), meta: { title: "预览", visitors: true } },
      { path: "/h/:slug/search", name: "search", component: () => import("./pages/SearchPage.vue"), meta: { title: "检索", visitors: true } },
      { path: "/h/:slug/menu", name: "menu", component: () => import("./pages/Menu.vue"), meta: { title: "办事" } },
      { path: "/h/:slug/me", name: "me", component: () => import("./pages/Account.vue"), meta: { title: "账号与安全" } },
      { path: "/h/:slug/notices", name: "notices", component: () => import("./pages/Notices.vue"), meta: { title: "通知" } },
      { path: "/h/:slug/notices/settings", name: "notice-settings", component: () => import("./pages/NoticeSettings.vue"), meta: { title: "通知设置" } },
      { path: "/h/:slug/notices/hospital", name: "hospital-notices", component: () => import("./pages/NoticeSettings.vue"), meta: { title: "本院通知" } },
      { path: "/h/:slug/rights/why", name: "why", component: () => import("./pages/Why.vue"), meta: { title: "为什么能看" } },
      { path: "/h/:slug/rights/view-as", name: "view-as", component: () => import("./pages/ViewAs.vue"), meta: { title: "以他人身份查看" } },
      { path: "/h/:slug/roster/import", name: "roster", component: () => import("./pages/RosterImport.vue"), meta: { title: "人员导入" } },
      { path: "/h/:slug/status", name: "status", component: () => import("./pages/StatusPage.vue"), meta: { title: "系统状态" } },
      { path: "/h/:slug/record", name: "record", component: () => import("./pages/RecordPage.vue"), meta: { title: "记录概览" } },
      { path: "/h/:slug/plugins", name: "plugins", component: () => import("./pages/Plugins.vue"), meta: { title: "插件" } },
      { path: "/h/:slug/jobs/:uid", name: "job", component: () => import("./pages/JobPage.vue"), meta: { title: "任务" } },
      { path: "/h/:slug/lake/import", name: "import", component: () => import("./pages/LakeImport.vue"), meta: { title: "导入数据" } },
      { path: "/h/:slug/lake/imports/:uid/rows/:n", name: "source-row", component: () => import("./pages/SourceRow.vue"), meta: { title: "来源行" } },
      { path: "/h/:slug/r/:key", name: "list", component: () => import("./pages/ListPage.vue") },
      { path: "/h/:slug/r/:key/new", name: "new", component: () => import("./pages/FormPage.vue") },
      { path: "/h/:slug/r/:key/:uid", name: "detail", component: () => import("./pages/DetailPage.vue") },
      { path: "/h/:slug/r/:key/:uid/do/:verb", name: "do", component: () => import("./pages/FormPage.vue") },
      { path: "/:rest(.*)*", name: "absent", component: () => import("./pages/Absent.vue"), meta: { title: "没有找到", open: true } },
    ],
  });
  router.beforeEach(guard);
  router.afterEach((to, from) => {
    if (to.meta.title) setTitle(to.meta.title);
    if (to.path !== from.path && from.name) focusMain();
    countNotices();
  });
  router.onError(() => tell("这一页暂时打不开。请检查网络，再试一次。", "wrong"));
  return router;
}

/** The title of the window and, for the ear, of the new page. */
export function setTitle(title: string) {
  const place = store.hospital ? store.hospital.name : "";
  document.title = [title, place, "清廉"].filter(Boolean).join(" · ");
  say(title);
}

async function guard(to: RouteLocationNormalized) {
  try {
    await loadSession();
  } catch (thrown) {
    // Without the server nothing but the page's own notice can be shown.
    if (asError(thrown).status !== 401) { store.loaded = false; return to.name === "sign-in" ? true : { name: "sign-in", query: { next: to.fullPath } }; }
  }
  if (to.name === "sign-in" && store.session.signed_in) return safe(to.query.next);
  if (to.meta.open) return true;
  const must = store.session.signed_in && (store.session.must || []).length > 0;
  if (must && to.name !== "secure") return { name: "secure", query: to.name === "start" ? {} : { next: to.fullPath } };
  if (to.name === "secure") return must ? true : store.session.signed_in ? safe(to.query.next) : { name: "sign-in" };
  if (to.name === "start") return store.session.signed_in && startSlug() ? { name: "home", params: { slug: startSlug() } } : true;
  const slug = typeof to.params.slug === "string" ? to.params.slug : "";
  if (store.session.signed_in && (await enterHospital(slug))) return true;
  if (to.meta.visitors && (await visitHospital(slug))) return true;
  if (!store.session.signed_in && !to.meta.visitors) return { name: "sign-in", query: { next: to.fullPath } };
  return { name: "absent", params: { rest: to.path.slice(1).split("/") }, replace: true };
}

/** Where somebody wanted to go, within this site. */
export function safe(next: unknown): string { return typeof next === "string" && next[0] === "/" && next[1] !== "/" && next[1] !== "\\" ? next : "/"; }

function focusMain() {
  window.setTimeout(() => {
    const main = document.getElementById("main");
    if (main && !main.contains(document.activeElement)) main.focus({ preventScroll: true });
  }, 0);
}
