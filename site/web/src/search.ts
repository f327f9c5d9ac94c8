// One box over pages, warnings, people and departments.
import { get } from "./api";

export interface Facet { key: string; label: string; values: { value: string; label: string; count?: number | null }[] }
export interface Hit {
  type: string; type_label: string; title_html: string; snippet_html?: string; href: string; date?: string | null; facts?: { label: string; value: string }[];
}
export interface Found {
  q: string; mode?: "all" | "any"; mode_note?: string; total: { value: number; capped: boolean };
  groups: { type: string; label: string; count: number }[]; facets: Facet[]; hits: Hit[]; next: string | number | null;
  suggestions?: string[]; engine?: string; degraded?: string;
}
export interface Suggestion { label: string; type_label?: string; href: string }

/** Characters of a question that are sent: what an address line of 4 KB holds in Chinese. */
export const LONGEST = 800;

export const search = {
  find: (h: string, query: Record<string, string>, signal?: AbortSignal) => get<Found>(`/h/${h}/search`, query, signal),
  suggest: (h: string, q: string, signal?: AbortSignal) => get<{ items: Suggestion[] }>(`/h/${h}/search/suggest`, { q }, signal),
};
