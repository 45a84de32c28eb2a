// Says why a port cannot be taken, with the name of the process that holds it where /proc shows that.

import { errorCode } from '../src/config/error-code.ts';
import { systemErrorWords } from '../src/config/system-error.ts';
import { assertCanListen, isSomethingListening } from '../src/demo/listen-probe.ts';
import { quoted } from '../src/doctor/finding.ts';
import { findPortHolder } from '../src/doctor/port-holder.ts';

/** @returns what is in the way, as a clause that can follow "because"; undefined if the port can be taken */
export async function portObstacle(host: string, port: number): Promise<string | undefined> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  try {
    await assertCanListen(address);
  } catch (error) {
    return describe(errorCode(error) ?? '', address, port);
  }
  // The name localhost leads to ::1 first. A listener for IPv4 alone can be bound beside one there, and clients would reach the other.
  return host === '0.0.0.0' && (await isSomethingListening(`[::1]:${port}`))
    ? `${holderOf(port)} listens on [::1]:${port}`
    : undefined;
}

function describe(code: string, address: string, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `${holderOf(port)} holds ${port}`;
    case 'EACCES':
      return `this user may not listen on ${port}: ports below 1024 are for root`;
    case 'EADDRNOTAVAIL':
      return `${address} is no address of this machine`;
    default:
      return `it cannot listen on ${address}: ${systemErrorWords(code) ?? code}`;
  }
}

/** @returns for example `nginx (process 812)` */
export function holderOf(port: number): string {
  const holder = findPortHolder(port);
  return holder === undefined ? 'another process' : `${quoted(holder.program)} (process ${holder.pid})`;
}
