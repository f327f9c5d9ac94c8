// Theme and text size are this device's choice, kept in localStorage; public/theme.js applies them before the first paint.
import { reactive } from "vue";

export type Theme = "system" | "light" | "dark";
export type Size = "m" | "l" | "xl";

export const look = reactive({ theme: read("qinglian.theme", "system") as Theme, size: read("qinglian.size", "m") as Size });

export function setTheme(theme: Theme) {
  look.theme = theme;
  write("qinglian.theme", theme, theme === "system");
  mark("data-theme", theme === "system" ? null : theme);
}

export function setSize(size: Size) {
  look.size = size;
  write("qinglian.size", size, size === "m");
  mark("data-size", size === "m" ? null : size);
}

/** A value remembered on this device; "" when storage is switched off. */
export function read(key: string, fallback = ""): string {
  try { return localStorage.getItem(key) || fallback; } catch { return fallback; }
}

export function write(key: string, value: string, remove = false) {
  try { if (remove) localStorage.removeItem(key); else localStorage.setItem(key, value); } catch { /* storage switched off */ }
}

function mark(name: string, value: string | null) {
  if (value === null) document.documentElement.removeAttribute(name);
  else document.documentElement.setAttribute(name, value);
}
