// Between WebAuthn's binary buffers and the JSON that the server speaks (base64url), for browsers without the newer helpers.

export const passkeysHere = typeof window !== "undefined" && !!window.PublicKeyCredential && window.isSecureContext;

interface Descriptor { id: string; type: "public-key"; transports?: AuthenticatorTransport[] }
interface Options { publicKey: Record<string, unknown> & { challenge: string; user?: { id: string }; excludeCredentials?: Descriptor[]; allowCredentials?: Descriptor[] } }

/** A new passkey on this device; throws DOMException when the person or the device refuses. */
export async function createPasskey(options: unknown): Promise<unknown> {
  const { publicKey } = options as Options;
  const made = (await navigator.credentials.create({ publicKey: {
    ...publicKey, challenge: bytes(publicKey.challenge), user: { ...publicKey.user, id: bytes((publicKey.user as { id: string }).id) },
    excludeCredentials: (publicKey.excludeCredentials || []).map(descriptor),
  } as unknown as PublicKeyCredentialCreationOptions })) as PublicKeyCredential | null;
  if (!made) throw new DOMException("", "NotAllowedError");
  const response = made.response as AuthenticatorAttestationResponse;
  return {
    ...outer(made),
    response: { clientDataJSON: text(response.clientDataJSON), attestationObject: text(response.attestationObject), transports: response.getTransports ? response.getTransports() : [] },
  };
}

/** The answer of a passkey to the server's question. */
export async function usePasskey(options: unknown): Promise<unknown> {
  const { publicKey } = options as Options;
  const given = (await navigator.credentials.get({ publicKey: {
    ...publicKey, challenge: bytes(publicKey.challenge), allowCredentials: (publicKey.allowCredentials || []).map(descriptor),
  } as unknown as PublicKeyCredentialRequestOptions })) as PublicKeyCredential | null;
  if (!given) throw new DOMException("", "NotAllowedError");
  const response = given.response as AuthenticatorAssertionResponse;
  return {
    ...outer(given),
    response: {
      clientDataJSON: text(response.clientDataJSON), authenticatorData: text(response.authenticatorData), signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : null,
    },
  };
}

/** What a person can do about a browser's refusal. */
export function refused(thrown: unknown): string {
  const name = thrown instanceof DOMException ? thrown.name : "";
  if (name === "NotAllowedError" || name === "AbortError") return "没有完成：您取消了，或等待时间过长。可以再试一次。";
  if (name === "InvalidStateError") return "这台设备已经添加过通行密钥。";
  if (name === "SecurityError") return "这个地址不能使用通行密钥。请用医院的正式网址（https）打开。";
  return "这台设备不能使用通行密钥，请改用验证器。";
}

function outer(made: PublicKeyCredential) {
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: made.getClientExtensionResults(),
    authenticatorAttachment: (made as unknown as { authenticatorAttachment?: string }).authenticatorAttachment || null,
  };
}
function descriptor(d: Descriptor) { return { ...d, id: bytes(d.id) }; }
function bytes(value: string): Uint8Array {
  const plain = atob(value.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}
function text(buffer: ArrayBuffer): string {
  return btoa(Array.from(new Uint8Array(buffer), (b) => String.fromCharCode(b)).join("")).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
