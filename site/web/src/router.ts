// The routes of the site. Django serves one shell for all of them; see templates/site/shell.html.
import { createRouter, createWebHistory, type RouteLocationNormalized, type Router } from "vue-router";
import { asError } from "./api";
import { loadSession, enterHospital, store, startSlug } from "./session";
import { say, tell } from "./notices";

declare module "vue-router" {
  interface RouteMeta { title?: string; open?: boolean }
}

export function makeRouter(): Router {
  const router = createRouter({
    history: createWebHistory("/"),
    scrollBehavior: (to, from, saved) => saved || (to.path === from.path ? false : { top: 0 }),
    routes: [
      { path: "/", name: "start", component: () => import("./pages/ChooseHospital.vue"), meta: { title: "选择医院" } },
      { path: "/sign-in", name: "sign-in", component: () => import("./pages/SignIn.vue"), meta: { title: "登录", open: true } },
      { path: "/h/:slug/", name: "home", component: () => import("./pages/Home.vue"), meta: { title: "首页" } },
      { path: "/h/:slug/menu", name: "menu", component: () => import("./pages/Menu.vue"), meta: { title: "办事" } },
      { path: "/h/:slug/me", name: "me", component: () => import("./pages/Account.vue"), meta: { title: "我的账号" } },
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
  if (to.name === "sign-in" && store.session.signed_in) return typeof to.query.next === "string" && to.query.next[0] === "/" && to.query.next[1] !== "/" ? to.query.next : "/";
  if (to.meta.open) return true;
  if (!store.session.signed_in) return { name: "sign-in", query: to.fullPath === "/" ? {} : { next: to.fullPath } };
  if (to.name === "start") return startSlug() ? { name: "home", params: { slug: startSlug() } } : true;
  if (typeof to.params.slug === "string" && !(await enterHospital(to.params.slug))) {
    return { name: "absent", params: { rest: to.path.slice(1).split("/") }, replace: true };
  }
  return true;
}

function focusMain() {
  window.setTimeout(() => {
    const main = document.getElementById("main");
    if (main && !main.contains(document.activeElement)) main.focus({ preventScroll: true });
  }, 0);
}
