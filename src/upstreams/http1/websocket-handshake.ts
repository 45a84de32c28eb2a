// Checks whether a service has accepted exactly the WebSocket that was requested (RFC 6455 section 4.1). Before two sockets are
// joined, it must be certain that both ends speak the same protocol.

import { createHash } from 'node:crypto';

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * @param asked the fields of the request as sent, names and values alternating
 * @param answered the fields of the response with status 101, likewise
 * @returns what the service did wrong, as the rest of a sentence that begins with its address; undefined when it did nothing
 * wrong
 */
export function whyNoWebSocket(asked: readonly string[], answered: readonly string[]): string | undefined {
  const upgrades = listOf(answered, 'upgrade');
  if (upgrades.length !== 1 || upgrades[0].toLowerCase() !== 'websocket')
    return 'switched to another protocol than the WebSocket it was asked for';
  const keys = valuesOf(asked, 'sec-websocket-key');
  const accepts = valuesOf(answered, 'sec-websocket-accept');
  if (keys.length !== 1 || accepts.length !== 1 || accepts[0] !== acceptOf(keys[0]))
    return 'accepted a WebSocket with a wrong Sec-WebSocket-Accept';
  const chosen = valuesOf(answered, 'sec-websocket-protocol');
  const offered = listOf(asked, 'sec-websocket-protocol');
  if (chosen.length > 1 || chosen.some((protocol) => !offered.includes(protocol)))
    return 'accepted a WebSocket with a Sec-WebSocket-Protocol that was not offered';
  const extensions = listOf(asked, 'sec-websocket-extensions').map(nameOf);
  if (
    listOf(answered, 'sec-websocket-extensions').some((extension) => !extensions.includes(nameOf(extension)))
  )
    return 'accepted a WebSocket with a Sec-WebSocket-Extensions that was not offered';
  return undefined;
}

/** The Sec-WebSocket-Accept for this key (RFC 6455 section 4.2.2). */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + WEBSOCKET_GUID)
    .digest('base64');
}

function valuesOf(fields: readonly string[], wanted: string): string[] {
  return fields.filter((_text, index) => index % 2 === 1 && fields[index - 1].toLowerCase() === wanted);
}

/** The members of all fields with this name. */
function listOf(fields: readonly string[], wanted: string): string[] {
  return valuesOf(fields, wanted).flatMap((value) =>
    value
      .split(',')
      .map((member) => member.trim())
      .filter((member) => member !== ''),
  );
}

/** An extension without its parameters, which the two ends negotiate. */
function nameOf(extension: string): string {
  return extension.split(';', 1)[0].trim();
}
