// Whose call is it, where calls are counted by client? The address at the other end of the connection, or, where the peer is
// believed, the client that it names.

import { countedAddress } from '../config/counted-address.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { ForwardedClient } from './forwarded-headers.ts';

/** What clients of a unix socket have for an address; see trusted-clients.ts. */
const UNIX = 'unix:';
/** The longest address there is, with a port and brackets. */
const LONGEST_ADDRESS = 64;
const ADDRESS = /^\[?([0-9a-f.:]+?)(?:%[^\]]*)?(?:\]:\d+|\])?$/i;
const WITH_PORT = /^(\d+\.\d+\.\d+\.\d+):\d+$/;

/** Whom the peer itself has seen, as it says; before that stands what it was told. '' where it says nothing. */
export function lastForwardedFor(list: HeaderList): string {
  const index = list.names.lastIndexOf('x-forwarded-for');
  if (index === -1) return '';
  const value = list.valueAt(index);
  return value.slice(value.lastIndexOf(',') + 1).trim();
}

/**
 * @param forwardedFor what lastForwardedFor has found; believed of trusted peers only
 * @returns '' for a client without an address, and for a trusted peer that names none; see isKeyOfMany
 */
export function clientKeyOf(
  { clientAddress, trusted }: Pick<ForwardedClient, 'clientAddress' | 'trusted'>,
  forwardedFor: string,
): string {
  if (!trusted) return clientAddress === UNIX ? '' : countedAddress(clientAddress);
  if (forwardedFor.length > LONGEST_ADDRESS) return '';
  const address = WITH_PORT.exec(forwardedFor)?.[1] ?? ADDRESS.exec(forwardedFor)?.[1];
  return address === undefined ? '' : countedAddress(address);
}
