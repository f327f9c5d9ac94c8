// Columns, articles, rankings: what the headless API returns and how it is asked. Open to visitors; the server leaves out what may not be seen.
import { get } from "./api";
import type { ChartPanel, Column, HospitalRef, Value } from "./types";

export type PageType = "home" | "column" | "article" | "learning" | "brand" | "ranking";
export type Audience = "public" | "internal";
export interface Picture { url: string; alt: string; width: number; height: number; phone_url?: string }
export interface CardFact { label: string; value: string | number }
export interface Card {
  uid: string; type: PageType; title: string; summary?: string; href: string; audience: Audience; published_at?: string | null;
  kind?: string; cover?: Picture | null; facts?: CardFact[];
}
export interface Section { kind: string; title: string; href: string; cards: Card[] }
export interface CmsHome { hospital: HospitalRef; sections: Section[]; lead: Card | null }
export interface MenuColumn { label: string; href: string; kind: string }

export interface TextBlock { id: string; kind: "text"; html: string }
export interface HeadingBlock { id: string; kind: "heading"; text: string; level: number }
export interface PictureBlock extends Picture { id: string; kind: "picture"; caption?: string }
export interface TableBlock { id: string; kind: "table"; caption?: string; columns: (string | { label: string })[]; rows: Value[][]; header_row?: boolean }
export interface NumberBlock { id: string; kind: "number"; items: { label: string; value: string | number; unit?: string; note?: string; source?: string }[] }
export interface ChartBlock extends Omit<ChartPanel, "kind"> { kind: "chart"; refused?: string }
export interface FileBlock { id: string; kind: "file"; name: string; size: number; href: string }
export interface QuoteBlock { id: string; kind: "quote"; text: string; by?: string }
export type Block = TextBlock | HeadingBlock | PictureBlock | TableBlock | NumberBlock | ChartBlock | FileBlock | QuoteBlock;

export interface RankingVersion { version: number; frozen_at: string; sha256: string; href?: string | null; reason?: string }
export interface Ranking {
  title: string; method: string; period: string; n: number | string; frozen_at: string; sha256: string; version: number;
  verified: boolean; refused?: string; columns: (Column & { type: string })[]; rows: Record<string, Value>[]; note?: string; versions?: RankingVersion[];
}
export interface StoredFile { name: string; size: number; href: string }
export interface PageOut {
  uid: string; type: PageType; kind?: string; title: string; summary?: string; audience: Audience; path: string; href: string;
  published_at?: string | null; updated_at?: string | null; author?: string; cover?: Picture | null;
  breadcrumbs?: { label: string; href?: string | null }[]; blocks?: Block[]; children?: Card[];
  ranking?: Ranking; learning?: { minutes?: number | null; hours?: string | number | null; file?: StoredFile | null };
  brand?: { party_org?: string; slogan?: string; secretary?: string; achievements?: (string | { title?: string; text?: string; year?: string | number })[] };
  preview?: boolean;
}
export interface Cards { pages: Card[]; next: string | null; count?: { value: number; capped: boolean } | null }

export const cms = {
  home: (h: string) => get<CmsHome>(`/h/${h}/cms/home`),
  menu: (h: string) => get<MenuColumn[]>(`/h/${h}/cms/menu`),
  page: (h: string, path: string, version: string) => get<PageOut>(`/h/${h}/cms/page`, { path, version }),
  pages: (h: string, query: Record<string, string>) => get<Cards>(`/h/${h}/cms/pages`, query),
  preview: (h: string, token: string) => get<PageOut>(`/h/${h}/cms/previews/${encodeURIComponent(token)}`),
};

export const TYPES: Record<string, string> = { article: "文章", learning: "学习资料", brand: "品牌", ranking: "公示", column: "栏目", home: "首页" };

/** 3月28日, with the year when it is not this one; a page that was never published has none. */
export function day(value: string | null | undefined): string {
  const found = value ? /^(\d{4})-(\d{2})-(\d{2})/.exec(value) : null;
  if (!found) return "";
  const at = new Date(Date.parse(value as string) + (value && value.length > 10 ? 8 * 3600 * 1000 : 0));
  const same = at.getUTCFullYear() === new Date().getFullYear();
  return (same ? "" : `${at.getUTCFullYear()}年`) + `${at.getUTCMonth() + 1}月${at.getUTCDate()}日`;
}
