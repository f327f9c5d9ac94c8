// The questions of the security administrator: who may see what, and why.
import { call, get } from "./api";

export interface TypeOption { key: string; label: string; actions: { key: string; label: string }[] }
export interface Why {
  allowed: boolean; effect: string; sentence: string;
  row: { role: string; role_label: string; type_label: string; action_label: string; relation_label: string; state_label?: string; max_class: number; note?: string; source?: string } | null;
  post: { role_label: string; where: string; starts_on: string | null; ends_on: string | null; delegated_from?: string | null } | null;
  steps: { ok: boolean; text: string }[];
}
export const rights = {
  types: (h: string) => get<TypeOption[]>(`/h/${h}/rights/types`),
  people: async (h: string, q: string) => (await get<{ uid: string; name: string; hint?: string }[]>(`/h/${h}/rights/people`, { q })).map((p) => ({ uid: p.uid, label: p.name, hint: p.hint })),
  objects: (h: string, type: string, q: string) => get<{ uid: string; label: string }[]>(`/h/${h}/rights/objects`, { type, q }),
  why: (h: string, query: { person: string; type: string; uid: string; action: string }) => get<Why>(`/h/${h}/rights/why`, query),
  viewAs: (h: string, person: string, reason: string) => call<{ until: string }>("POST", `/h/${h}/rights/view-as`, { person, reason }),
};
