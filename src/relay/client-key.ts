// Decides which client a call is counted for: the address at the other end of the connection, or, if that peer is trusted, the client
// that the peer names.

import { clientNetwork } from '../config/client-network.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { ForwardedClient } from './forwarded-headers.ts';

/** The address of clients that connect by a unix socket, see trusted-clients.ts. */
const UNIX = 'unix:';
/** Longer texts are not parsed. An IPv6 address with brackets and a port takes at most 53 characters. */
const LONGEST_ADDRESS = 64;
const ADDRESS = /^\[?([0-9a-f.:]+?)(?:%[^\]]*)?(?:\]:\d+|\])?$/i;
const MAPPED = '::ffff:';
const WITH_PORT = /^(\d+\.\d+\.\d+\.\d+):\d+$/;

/** The last address in x-forwarded-for: the client that the peer itself has seen. Addresses before it are hearsay. '' if there is no such field. */
export function lastForwardedFor(list: HeaderList): string {
  const index = list.names.lastIndexOf('x-forwarded-for');
  if (index === -1) return '';
  const value = list.valueAt(index);
  return value.slice(value.lastIndexOf(',') + 1).trim() || 'unknown';
}

/**
 * @param forwardedFor the result of lastForwardedFor; ignored unless the peer is trusted
 * @returns the address of the client without port and brackets, or 'unix:'. '' if the trusted peer names something that is no address,
 * such as `unknown`.
 */
export function clientAddressOf(
  { clientAddress, trusted }: Pick<ForwardedClient, 'clientAddress' | 'trusted'>,
  forwardedFor: string,
): string {
  // A trusted peer that names nobody speaks for itself: it is a load balancer that checks health, or a client beside the proxy.
  if (!trusted || forwardedFor === '') return clientAddress;
  if (forwardedFor.length > LONGEST_ADDRESS) return '';
  const address = WITH_PORT.exec(forwardedFor)?.[1] ?? ADDRESS.exec(forwardedFor)?.[1] ?? '';
  return address.toLowerCase().startsWith(MAPPED) && address.includes('.')
    ? address.slice(MAPPED.length)
    : address;
}

/**
 * @param forwardedFor the result of lastForwardedFor; ignored unless the peer is trusted
 * @returns the key to count the call by. '' if the client has no address, or the trusted peer names none; see isKeyOfMany.
 */
export function clientKeyOf(
  { clientAddress, trusted }: Pick<ForwardedClient, 'clientAddress' | 'trusted'>,
  forwardedFor: string,
): string {
  if (!trusted) return clientAddress === UNIX ? '' : clientNetwork(clientAddress);
  if (forwardedFor.length > LONGEST_ADDRESS) return '';
  const address = WITH_PORT.exec(forwardedFor)?.[1] ?? ADDRESS.exec(forwardedFor)?.[1];
  return address === undefined ? '' : clientNetwork(address);
}
