// Parses the values of `identities`: where keys come from, and the header fields that tokens are in and claims go to.

import type { KeySource } from './identity-config.ts';
import { parseHeaderName } from './match-criteria.ts';
import { type Fault, isFault } from './problem.ts';
import { isSecretName } from './secret-name.ts';

/** Fields that the proxy writes itself, or that say how a message is to be read. Policies may not set them. */
const NOT_FOR_CLAIMS =
  /^(?:grpc-|content-|x-forwarded-|x-request-id$|forwarded$|expect$|host$|te$|trailer$|authorization$|cookie$|traceparent$|tracestate$)/;

export function parseKeySource(text: string): KeySource | Fault {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    return /[\n\0]/.test(text)
      ? { message: 'must be a URL or the name of a file', hint: 'write the keys into a file' }
      : { kind: 'file', text };
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    return { message: 'is not a URL of https or http', hint: 'write it as https://id.example.com/jwks.json' };
  if (url.username !== '' || url.password !== '')
    return { message: 'holds a user or a password', hint: 'keys for verifying are public; remove the user' };
  if (url.hash !== '') return { message: 'holds a fragment, which no server sees', hint: 'remove it' };
  return { kind: 'url', text: url.href };
}

/** The header field that credentials are in. */
export function parseCredentialHeader(text: string): string | Fault {
  const name = parseHeaderName(text);
  if (isFault(name)) return name;
  if (name.endsWith('-bin')) return { message: `'${text}' would hold binary metadata` };
  if (/^(?:grpc-|content-|te$|host$)/.test(name))
    return {
      message: `'${text}' has a meaning of its own`,
      hint: 'write authorization, or a name such as x-api-key',
    };
  // What shows metadata of calls, as framegate tap does, leaves such names out.
  if (isSecretName(name)) return name;
  return {
    message: `'${text}' does not look like the name of a secret, and could be shown`,
    hint: 'choose a name with key, token, auth or secret in it, such as x-api-key',
  };
}

/** As in SPIFFE ids (SPIFFE-ID section 2.1). */
export function parseTrustDomain(text: string): string | Fault {
  if (/^[a-z0-9._-]{1,255}$/.test(text)) return text;
  const hint = text.includes('://') ? 'write the name alone, as between spiffe:// and the next /' : undefined;
  return { message: `'${text}' is not the name of a trust domain`, hint };
}

/** The header field that a claim goes to. */
export function parseClaimHeader(text: string): string | Fault {
  const name = parseHeaderName(text);
  if (isFault(name)) return name;
  if (NOT_FOR_CLAIMS.test(name))
    return { message: `'${text}' has a meaning of its own`, hint: 'write a name such as x-user' };
  return name.endsWith('-bin')
    ? { message: `'${text}' would hold binary metadata`, hint: 'choose a name without -bin' }
    : name;
}
