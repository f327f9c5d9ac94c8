// The account's own protection: what /me/security says, and allauth's second steps and passkeys.
import { allauth, call, get, type AllauthAnswer } from "./api";

export interface Passkey { id: string | number; name: string; created_at: string | null; last_used_at: string | null }
export interface Device { id: string; label: string; place?: string; created_at: string; seen_at: string; current: boolean }
export interface Security {
  mfa: { required: boolean; reason?: string; totp: boolean; passkeys: Passkey[]; recovery_left: number | null };
  devices: Device[]; password: { changed_at: string | null };
}

export const security = {
  read: () => get<Security>("/me/security"),
  signOutDevice: (id: string) => call<unknown>("POST", `/me/devices/${encodeURIComponent(id)}/sign-out`, {}),
  signOutOthers: () => call<unknown>("POST", "/me/devices/sign-out-others", {}),
  oneTime: (username: string, code: string, new_password: string) => call<unknown>("POST", "/session/one-time", { username, code, new_password }),
  totp: () => allauth("GET", "/account/authenticators/totp"), // 404 with the new secret in `meta` while there is none
  totpOn: (code: string) => allauth("POST", "/account/authenticators/totp", { code }),
  totpOff: () => allauth("DELETE", "/account/authenticators/totp"),
  codes: () => allauth("GET", "/account/authenticators/recovery-codes"),
  newCodes: () => allauth("POST", "/account/authenticators/recovery-codes"),
  passkeyBegin: () => allauth("GET", "/account/authenticators/webauthn"),
  passkeyAdd: (name: string, credential: unknown) => allauth("POST", "/account/authenticators/webauthn", { name, credential }),
  passkeyDrop: (id: string | number) => allauth("DELETE", "/account/authenticators/webauthn", { authenticators: [id] }),
  againPassword: (password: string) => allauth("POST", "/auth/reauthenticate", { password }),
  againCode: (code: string) => allauth("POST", "/auth/2fa/reauthenticate", { code }),
};

/** Whether allauth wants the person to show again who sits there, before it changes the account's protection. */
export function wantsAgain(answer: AllauthAnswer): boolean {
  return answer.status === 401 && answer.flows.some((f) => f.id === "reauthenticate" || f.id === "mfa_reauthenticate");
}

const WORDS: Record<string, string> = {
  incorrect_code: "验证码不对或已过期。请看验证器上最新的六位数字。", enter_current_password: "密码不对，请再试一次。", incorrect_password: "密码不对，请再试一次。",
  too_many_attempts: "尝试次数过多，请过一会儿再试。", cannot_delete_authenticator: "这是您唯一的第二步验证，岗位要求保留。请先添加另一种，再移除它。", required: "请填写。",
};

/** What allauth refused, in our words; its own may be English. */
export function said(answer: AllauthAnswer): string {
  if (answer.status === 429) return "尝试次数过多，请过一会儿再试。";
  if (answer.status === 401) return "登录已过期，请重新登录。";
  const first = answer.errors[0];
  return first ? WORDS[first.code || ""] || first.message : answer.detail || "没有办成，请稍后再试。";
}
