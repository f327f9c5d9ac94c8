// Who is signed in, in which hospital, with which menu. One place; pages read it.
import { computed, reactive } from "vue";
import { api } from "./api";
import { read, write } from "./theme";
import type { HospitalRef, MenuEntry, Session } from "./types";

export const store = reactive({
  loaded: false,
  session: { signed_in: false } as Session,
  hospital: null as HospitalRef | null,
  menu: [] as MenuEntry[],
});

export const several = computed(() => (store.session.hospitals || []).length > 1);

/** Reads the session once per page load; call with `again` after signing in or out. */
export async function loadSession(again = false) {
  if (store.loaded && !again) return;
  store.session = await api.session();
  store.loaded = true;
}

/** Takes the hospital of the address; false when the person has no post there. */
export async function enterHospital(slug: string): Promise<boolean> {
  const found = (store.session.hospitals || []).find((h) => h.slug === slug) || null;
  if (!found) { store.hospital = null; store.menu = []; return false; }
  if (!store.hospital || store.hospital.slug !== slug) {
    store.hospital = found;
    store.menu = [];
    write("qinglian.hospital", slug);
    await loadMenu();
  }
  return true;
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
}
