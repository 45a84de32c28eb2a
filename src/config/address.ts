// Parsers for the addresses in the configuration (`host:port`, `[ipv6]:port`, `unix:/path`, `systemd:NAME`), for networks of
// clients (CIDR), for the mode of a Unix socket and for server names.

import { isIP, isIPv4, isIPv6 } from 'node:net';

import type { Fault } from './problem.ts';

/** An address to listen on or connect to. `text` is the address as the user wrote it. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly text: string }
  | { readonly kind: 'unix'; readonly path: string; readonly text: string };

/** A listener can also use a socket that systemd has opened; `socketName` is the FileDescriptorName= of the unit. */
export type ListenAddress =
  | Address
  | { readonly kind: 'systemd'; readonly socketName: string; readonly text: string };

// On Linux the path in sockaddr_un has 108 bytes, the last of which is NUL. On macOS it has 104, and bind(2) reports a longer path.
const longestUnixPathBytes = 107;

const hostName =
  /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/;

// The characters that systemd allows in FileDescriptorName= (systemd.socket(5)).
const systemdSocketName = /^[\x20-\x39\x3b-\x7e]{1,255}$/;

/** Parses where a listener accepts connections: an address, or a socket that systemd has opened. */
export function parseListenAddress(text: string): ListenAddress | Fault {
  if (!text.startsWith('systemd:')) return parseAddress(text, 'listen');
  const socketName = text.slice('systemd:'.length);
  if (systemdSocketName.test(socketName)) return { kind: 'systemd', socketName, text };
  return {
    message: `'${text}' does not name a socket`,
    hint: 'write systemd:NAME, with the FileDescriptorName= of the .socket unit',
  };
}

/** Parses a TCP or Unix address. Port 0 means "any free port" and is therefore valid only for `purpose` 'listen'. */
export function parseAddress(text: string, purpose: 'listen' | 'connect'): Address | Fault {
  if (text.startsWith('systemd:')) return systemdFault(purpose);
  if (text.startsWith('unix:')) return parseUnixAddress(text);
  if (text.includes('://')) {
    const rest = text.replace(/^[^:]*:\/{2,3}/, '').replace(/\/.*$/, '');
    const hint = /:[0-9]+$/.test(rest) ? `write ${rest}` : 'write host:port without a scheme';
    return { message: `'${text}' is a URL`, hint };
  }
  const found = /^(?:\[(?<bracketed>[^[\]]*)\]|(?<plain>[^:[\]]*)):(?<port>[0-9]{1,5})$/.exec(text);
  if (found?.groups === undefined) return shapeFault(text, purpose);
  const { bracketed, plain, port: portText = '' } = found.groups;
  const host = bracketed ?? plain ?? '';
  const hostFault = bracketed === undefined ? checkHost(host, portText, purpose) : checkIpv6(host);
  if (hostFault !== undefined) return hostFault;
  const port = Number(portText);
  const lowestPort = purpose === 'listen' ? 0 : 1;
  if (port < lowestPort || port > 65_535) {
    return { message: `port ${portText} is out of range`, hint: `${lowestPort} to 65535` };
  }
  return { kind: 'tcp', host, port, text };
}

/** @returns the network as `address/bits`, where a single address gets its full prefix length; `unix:` means clients of Unix sockets */
export function parseNetwork(text: string): string | Fault {
  if (text === 'unix:') return text;
  const [address = '', bits, ...rest] = text.split('/');
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0 || rest.length > 0) {
    return { message: `'${text}' is not a network`, hint: 'write it as 10.0.0.0/8 or fd00::/8' };
  }
  const mostBits = version === 4 ? 32 : 128;
  if (bits === undefined) return `${address}/${mostBits}`;
  if (!/^(0|[1-9][0-9]{0,2})$/.test(bits) || Number(bits) > mostBits) {
    return { message: `'/${bits}' is not a prefix length of IPv${version}`, hint: `0 to ${mostBits}` };
  }
  return text;
}

/** Parses file permissions in the octal notation of chmod: `0660` or `660`. */
export function parseSocketMode(text: string): number | Fault {
  if (!/^0?[0-7]{3}$/.test(text)) {
    return {
      message: `'${text}' is not the mode of a socket`,
      hint: 'write it as chmod has it, in quotes: "0660"',
    };
  }
  const mode = Number.parseInt(text, 8);
  // connect(2) requires write permission on the socket file.
  if ((mode & 0o222) !== 0) return mode;
  return {
    message: `'${text}' lets nobody write to the socket, so nobody could connect`,
    hint: 'write "0660"',
  };
}

/** Parses a host name for SNI, in lower case. An IP address is not allowed there (RFC 6066 section 3). */
export function parseServerName(text: string): string | Fault {
  const name = text.toLowerCase();
  if (isIP(name) === 0 && hostName.test(name)) return name;
  return { message: `'${text}' is not a host name`, hint: 'write the name alone, such as voice.internal' };
}

/** Parses a name to ask DNS for. A dot at its end keeps the search list away. */
export function parseDnsName(text: string): string | Fault {
  const name = text.replace(/\.$/, '');
  if (isIP(name.replace(/^\[|\]$/g, '')) !== 0) {
    return { message: `'${text}' is an address`, hint: 'write it in endpoints; DNS is asked for names' };
  }
  if (/:[0-9]+$/.test(name)) {
    return { message: `'${text}' has a port`, hint: 'write the name alone, and port: PORT beside it' };
  }
  if (checkHost(name, '') === undefined) return text.toLowerCase();
  return { message: `'${text}' is not a host name`, hint: 'write the name alone, such as voice.internal' };
}

function parseUnixAddress(text: string): Address | Fault {
  const path = text.slice('unix:'.length);
  if (!path.startsWith('/') || path.endsWith('/') || path.includes('\0')) {
    return {
      message: `'${text}' is not the path of a socket`,
      hint: 'write an absolute path: unix:/run/name.sock',
    };
  }
  if (Buffer.byteLength(path) > longestUnixPathBytes) {
    return { message: `the path of the socket is longer than ${longestUnixPathBytes} bytes` };
  }
  return { kind: 'unix', path, text };
}

function systemdFault(purpose: 'listen' | 'connect'): Fault {
  const owner = purpose === 'listen' ? 'the admin server' : 'an endpoint';
  return {
    message: `${owner} cannot be a systemd socket`,
    hint: 'write host:port, [ipv6]:port or unix:/path',
  };
}

function shapeFault(text: string, purpose: 'listen' | 'connect'): Fault {
  const shapes = 'write host:port, [ipv6]:port or unix:/path';
  if (purpose === 'connect' && text === 'api') {
    return {
      message: "'api' is not an address",
      hint: 'write endpoints: api, without a list, to set them by the admin API',
    };
  }
  const [first = '', ...parameters] = text.trim().split(/\s+/);
  if (parameters.some((one) => /^(weight|max_fails|fail_timeout|max_conns|backup|down)\b/.test(one))) {
    const weight = /\bweight=(\d+)/.exec(text)?.[1] ?? '2';
    return {
      message: `'${text}' is not an address`,
      hint: `write { address: "${first}", weight: ${weight} }; what nginx says of failures is outliers and connections of the upstream`,
    };
  }
  if (text.startsWith('/')) {
    return { message: `'${text}' is not an address`, hint: `for a Unix socket write unix:${text}` };
  }
  if (/[\u2018-\u201f]/u.test(text)) {
    return { message: `'${text}' has curly quotation marks`, hint: 'write straight ones: "host:port"' };
  }
  const unbracketed = /^(.*):([0-9]{1,5})$/.exec(text);
  if (unbracketed !== null && isIPv6(unbracketed[1] ?? '')) {
    return {
      message: `'${text}' lacks the brackets of an IPv6 address`,
      hint: `write [${unbracketed[1]}]:${unbracketed[2]}`,
    };
  }
  const ipv6 = text.replace(/^\[|\]$/g, '');
  if (isIPv6(ipv6)) return { message: `'${text}' has no port`, hint: `write [${ipv6}]:PORT` };
  if (isIP(text) === 4 || hostName.test(text)) {
    return /^[0-9]+$/.test(text)
      ? { message: `'${text}' has no host`, hint: `write 0.0.0.0:${text} or 127.0.0.1:${text}` }
      : { message: `'${text}' has no port`, hint: `write ${text}:PORT` };
  }
  return { message: `'${text}' is not an address`, hint: shapes };
}

function checkHost(host: string, port: string, purpose: 'listen' | 'connect' = 'connect'): Fault | undefined {
  if (host === '' || host === '*') {
    return {
      message: 'the host is missing',
      hint:
        purpose === 'connect'
          ? `write 127.0.0.1:${port} for a service on this machine`
          : `write 0.0.0.0:${port} or [::]:${port} for every interface`,
    };
  }
  // A host whose last label is all digits is meant as IPv4 (WHATWG URL, "ends in a number"): no top-level domain looks like that.
  const isNumeric = /(^|\.)[0-9]+$/.test(host);
  if (isNumeric ? isIP(host) === 4 : hostName.test(host)) return undefined;
  return { message: `'${host}' is neither a host name nor an IPv4 address` };
}

function checkIpv6(host: string): Fault | undefined {
  return isIPv6(host) ? undefined : { message: `'${host}' is not an IPv6 address` };
}

/** Whether only this machine can reach a server that listens there. A name other than localhost may mean any address. */
export function isLocalAddress(address: Address): boolean {
  if (address.kind === 'unix') return true;
  const host = address.host.toLowerCase();
  if (isIPv4(host)) return host.startsWith('127.');
  if (!isIPv6(host) || host.includes('%')) return host === 'localhost';
  // In one form, whatever form it was written in: ::ffff:127.0.0.1 is ::ffff:7f00:1.
  const { hostname } = new URL(`http://[${host}]`);
  return hostname === '[::1]' || hostname.startsWith('[::ffff:7f');
}

/** Whether what is sent to a host, which may be in brackets, stays on this machine. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127\.[0-9.]+|\[::1\]|::1)$/.test(host);
}
