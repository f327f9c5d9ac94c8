import { createApp } from "vue";
import App from "./App.vue";
import { whenMust, whenReasonNeeded, whenSignedOut } from "./api";
import { makeRouter } from "./router";
import { forgetSession, loadSession, store } from "./session";
import { giveReason } from "./notices";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/pages.css";

const router = makeRouter();

whenSignedOut(() => {
  forgetSession();
  const here = router.currentRoute.value;
  if (here.name !== "sign-in") router.push({ name: "sign-in", query: { next: here.fullPath } });
});

whenReasonNeeded(giveReason);
whenMust(async () => {
  const here = router.currentRoute.value;
  if (here.name === "secure") return;
  await loadSession(true);
  if ((store.session.must || []).length) router.push({ name: "secure", query: { next: here.fullPath } });
});

// After an upgrade an open page asks for a chunk that is gone: load the new page once.
window.addEventListener("vite:preloadError", (event) => {
  event.preventDefault();
  if (sessionStorage.getItem("qinglian.reloaded") !== location.href) {
    sessionStorage.setItem("qinglian.reloaded", location.href);
    location.reload();
  }
});

createApp(App).use(router).mount("#app");
