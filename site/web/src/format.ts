// How values look, in one place: ui/README.md ("Type") is the rule.
import type { Column, ColumnType, LinkValue, Value } from "./types";

export const LEVELS: Record<string, string> = { blue: "蓝色", yellow: "黄色", orange: "橙色", red: "红色" };
export const NUMERIC: ColumnType[] = ["number", "money", "percent"];
export const NONE = "—";

/** Thousands separators on a decimal kept as text, so that no digit is lost to floats. */
export function number(value: string | number, places?: number): string {
  const text = typeof value === "number" ? plain(value) : value.trim();
  const found = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!found) return text;
  let whole = found[2];
  let fraction = found[3] || "";
  if (places !== undefined) [whole, fraction] = round(whole, fraction, places);
  else fraction = fraction.replace(/0+$/, "");
  return (found[1] === "-" ? "−" : found[1]) + whole.replace(/\B(?=(\d{3})+$)/g, ",") + (fraction ? "." + fraction : "");
}

/** A figure as it was given: 34.0 stays 34.0, because its places are part of what it says. */
export function figure(value: string | number): string {
  const s = String(value);
  if (!/^[+-]?\d+(\.\d+)?$/.test(s)) return s;
  const dot = s.indexOf(".");
  return number(s, dot < 0 ? undefined : s.length - dot - 1);
}

export function money(value: string | number): string { return number(value, 2); }

/** A share in tables: 0.1234 is shown as 12.3%. */
export function percent(value: string | number): string {
  const n = Number(value);
  return isNaN(n) ? String(value) : number((n * 100).toFixed(1)) + "%";
}

/** 2025-03-28 in tables. */
export function date(value: string): string { return value.slice(0, 10); }

/** 2025-03-28 09:24 in tables, in the hospital's zone (Asia/Shanghai has no summer time). */
export function dateTime(value: string): string {
  const p = shanghai(value);
  return p ? `${p.y}-${two(p.m)}-${two(p.d)} ${two(p.h)}:${two(p.min)}` : value;
}

/** 4月2日 09:24 in sentences; the year only when it is not this one. */
export function spoken(value: string): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(value)) {
    const [y, m, d] = value.split("-").map(Number);
    return (y === new Date().getFullYear() ? "" : `${y}年`) + `${m}月${d}日`;
  }
  const p = /^\d{4}-\d{2}-\d{2}T/.test(value) ? shanghai(value) : null;
  if (!p) return value;
  return (p.y === new Date().getFullYear() ? "" : `${p.y}年`) + `${p.m}月${p.d}日 ${two(p.h)}:${two(p.min)}`;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} 字节`;
  if (size < 1024 * 1024) return `${(size / 1024).toFixed(0)} KB`;
  return `${number((size / 1024 / 1024).toFixed(1))} MB`;
}

/** The count as the list says it. */
export function countText(count: { value: number; capped: boolean } | number | null | undefined, noun = "条"): string {
  if (count === null || count === undefined) return "";
  if (typeof count === "number") return `共 ${number(count)} ${noun}`;
  return count.capped ? `超过 ${number(count.value)} ${noun}` : `共 ${number(count.value)} ${noun}`;
}

export function isLink(value: unknown): value is LinkValue { return !!value && typeof value === "object" && "label" in (value as object); }

/** Plain text of a value under its column; components add chips and links around it. */
export function text(value: Value | undefined, column: Pick<Column, "type" | "labels">): string {
  if (value === null || value === undefined || value === "") return NONE;
  if (isLink(value)) return value.label;
  if (Array.isArray(value)) return value.join("、");
  if (column.labels && column.labels[String(value)]) return column.labels[String(value)];
  switch (column.type) {
    case "number": return number(value as string | number);
    case "money": return money(value as string | number);
    case "percent": return percent(value as string | number);
    case "date": return date(String(value));
    case "datetime": return dateTime(String(value));
    case "month": return String(value).slice(0, 7);
    case "bool": return value === true || value === "true" ? "是" : "否";
    case "level": return (LEVELS[String(value)] || String(value)) + (LEVELS[String(value)] ? "预警" : "");
    default: return typeof value === "boolean" ? (value ? "是" : "否") : String(value);
  }
}

function plain(value: number): string {
  const text = String(value);
  return text.indexOf("e") < 0 ? text : value.toFixed(10).replace(/\.?0+$/, "");
}

/** Half up on digits, as accountants do. */
function round(whole: string, fraction: string, places: number): [string, string] {
  if (fraction.length <= places) return [whole, (fraction + "0000000000").slice(0, places)];
  const up = fraction.charCodeAt(places) >= 53;
  let digits = (whole + fraction.slice(0, places)).split("");
  if (up) {
    let i = digits.length - 1;
    while (i >= 0 && digits[i] === "9") digits[i--] = "0";
    if (i < 0) digits = ["1", ...digits];
    else digits[i] = String(Number(digits[i]) + 1);
  }
  const all = digits.join("");
  return [all.slice(0, all.length - places), places ? all.slice(-places) : ""];
}

function two(n: number): string { return n < 10 ? "0" + n : String(n); }

function shanghai(value: string) {
  const at = Date.parse(value);
  if (isNaN(at)) return null;
  const t = new Date(at + 8 * 3600 * 1000);
  return { y: t.getUTCFullYear(), m: t.getUTCMonth() + 1, d: t.getUTCDate(), h: t.getUTCHours(), min: t.getUTCMinutes() };
}
