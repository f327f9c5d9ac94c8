// Who is signed in, in which hospital, with which menu. One place; pages read it.
import { computed, reactive } from "vue";
import { api, asError, get } from "./api";
import { cms, type CmsHome } from "./cms";
import { read, write } from "./theme";
import type { HospitalRef, MenuEntry, Session } from "./types";

export const store = reactive({
  loaded: false,
  session: { signed_in: false } as Session,
  hospital: null as HospitalRef | null,
  menu: [] as MenuEntry[],
  unread: 0, // notices that are open, as the bell shows them
  front: null as CmsHome | null, // of the hospital that a visitor is in: its name and its columns
});

export const several = computed(() => (store.session.hospitals || []).length > 1);

/** Whether the person has a post in the hospital of the address; without one a visitor, signed in or not. */
export const member = computed(() => !!store.hospital && !!post(store.hospital.slug));

/** Reads the session once per page load; call with `again` after signing in or out. */
export async function loadSession(again = false) {
  if (store.loaded && !again) return;
  store.session = await api.session();
  store.loaded = true;
}

/** Takes the hospital of the address; false when the person has no post there. */
export async function enterHospital(slug: string): Promise<boolean> {
  const found = post(slug);
  if (!found) { store.hospital = null; store.menu = []; return false; }
  if (!store.hospital || store.hospital.slug !== slug || store.front) {
    store.hospital = found;
    store.menu = [];
    store.unread = 0;
    counted = 0;
    store.front = null;
    write("qinglian.hospital", slug);
    await loadMenu();
  }
  return true;
}

/** Takes the hospital of a public address for somebody without a post there; false when there is no such hospital. */
export async function visitHospital(slug: string): Promise<boolean> {
  if (store.front && store.front.hospital.slug === slug) { store.hospital = store.front.hospital; return true; }
  store.menu = [];
  try {
    store.front = await cms.home(slug);
    store.hospital = store.front.hospital;
  } catch (thrown) {
    store.front = null;
    store.hospital = null;
    if (asError(thrown).status === 404) return false;
    store.hospital = { slug, name: "" }; // the page itself says what is wrong
  }
  return true;
}

let counted = 0;
/** The number on the bell; asked again at most every half minute unless something was just read. */
export async function countNotices(now = false) {
  if (!member.value || !store.hospital || (!now && Date.now() - counted < 30000)) return;
  const slug = store.hospital.slug;
  counted = Date.now();
  try {
    const { open } = await get<{ open: number }>(`/h/${slug}/notices/count`);
    if (store.hospital && store.hospital.slug === slug) store.unread = open;
  } catch { /* the bell without a number is enough */ }
}

/** Again after a plugin was switched on or off. */
export async function loadMenu() {
  if (!store.hospital) return;
  const slug = store.hospital.slug;
  try {
    const menu = await api.menu(slug);
    if (store.hospital && store.hospital.slug === slug) store.menu = menu;
  } catch { /* the page itself says what is wrong; an empty menu is enough here */ }
}

/** Where a signed-in person begins: the hospital used last, or the only one; "" when a choice is needed. */
export function startSlug(): string {
  const all = store.session.hospitals || [];
  if (all.length === 1) return all[0].slug;
  const last = read("qinglian.hospital");
  return all.some((h) => h.slug === last) ? last : "";
}

export function forgetSession() {
  store.session = { signed_in: false };
  store.loaded = false;
  store.hospital = null;
  store.menu = [];
  store.unread = 0;
  store.front = null;
}

function post(slug: string): HospitalRef | null { return (store.session.hospitals || []).find((h) => h.slug === slug) || null; }
