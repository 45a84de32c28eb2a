// Checks whether each listener and the admin server could be bound now, and what holds the port if not.

import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import { type Address, type ListenAddress } from '../config/address.ts';
import type { Config } from '../config/config.ts';
import { errorCode } from '../config/error-code.ts';
import { systemErrorWords } from '../config/system-error.ts';
import { adminTargetOf } from '../control/admin-target.ts';
import { isSameFile } from '../control/running-configuration.ts';
import type { Check } from './check.ts';
import { type Finding, failed, note, ok, quoted, unexamined, warning } from './finding.ts';
import { framegateFileOf } from './framegate-process.ts';
import { findPortHolder, isPortListening, type PortHolder } from './port-holder.ts';
import type { RunningProxy } from './running-proxy.ts';

const LIMIT_MS = 1500;

interface Bound {
  readonly name: string;
  readonly address: ListenAddress;
}

/** Servers that Framegate replaces: they go only when it is ready. */
const REPLACED: ReadonlySet<string> = new Set(['nginx', 'envoy', 'haproxy', 'caddy']);

interface PortParts {
  /** The file of the configuration. */
  readonly file: string;
  /** The Framegate that answers at the admin address, with whatever configuration. */
  readonly found: RunningProxy | undefined;
}

export function portChecks(config: Config, parts: PortParts): readonly Check[] {
  const bound: Bound[] = config.listeners.map(({ name, address }) => ({
    name: `listener '${name}'`,
    address,
  }));
  if (config.admin !== undefined) bound.push({ name: 'admin', address: config.admin.address });
  return bound.map(({ name, address }) => ({
    id: `ports.${address.text}`,
    group: 'ports',
    title: `${name} can listen on ${address.text}`,
    limitMs: LIMIT_MS,
    run: () => examine(address, { ...parts, config, isAdmin: address === config.admin?.address }),
  }));
}

interface Examined extends PortParts {
  readonly config: Config;
  readonly isAdmin: boolean;
}

async function examine(address: ListenAddress, parts: Examined): Promise<readonly Finding[]> {
  const { found, isAdmin } = parts;
  if (address.kind === 'systemd') {
    return [
      unexamined(
        `systemd opens the socket (FileDescriptorName=${address.socketName}), and Framegate takes it when it starts`,
        `see whether it is open by: systemctl status '*.socket'`,
      ),
    ];
  }
  if (found !== undefined && (isAdmin || found.addresses.has(address.text)))
    return [
      found.isOther ? heldByOther(found.file) : ok(`held by the Framegate that runs with ${found.file}`),
    ];
  return address.kind === 'unix' ? examineUnixSocket(address.path) : examinePort(address, parts);
}

type TcpAddress = Extract<Address, { readonly kind: 'tcp' }>;

function heldByOther(file: string): Finding {
  return failed(
    `held by a Framegate that runs with another configuration, ${quoted(file)}`,
    'to examine that proxy, name its file by -c; to run both, give this configuration addresses of its own',
  );
}

async function examinePort(address: TcpAddress, parts: Examined): Promise<readonly Finding[]> {
  const code = await tryToListen({ host: address.host, port: address.port, exclusive: true });
  switch (code) {
    case undefined:
      return [ok('it is free')];
    case 'EADDRINUSE':
      return describeHolder(address, parts);
    case 'EACCES':
      return [
        failed(
          `this process may not listen on ports below 1024 (${address.text})`,
          'let systemd open the socket (deploy/systemd/framegate.socket), give the unit AmbientCapabilities=CAP_NET_BIND_SERVICE, or use a port above 1023',
        ),
      ];
    case 'EADDRNOTAVAIL':
      return [
        failed(
          `no network interface of this machine has the address ${address.host}`,
          'write one that `ip addr` shows, or 0.0.0.0 for all',
        ),
      ];
    default:
      return [
        failed(
          `it cannot listen on ${address.text}: ${systemErrorWords(code) ?? code}`,
          'is the address spelled right?',
        ),
      ];
  }
}

function describeHolder({ port, text }: TcpAddress, parts: Examined): readonly Finding[] {
  const holder = findPortHolder(port);
  if (holder === undefined) {
    const who = isPortListening(port)
      ? 'a process of another user'
      : 'another process, or one that has just ended';
    return [failed(`${who} holds ${text}`, `find it by: sudo ss -ltnp 'sport = :${port}'`)];
  }
  const { pid, command, program } = holder;
  const theirs = framegateFileOf(holder);
  if (theirs !== undefined) return describeFramegate(text, holder, theirs, parts);
  if (REPLACED.has(program)) {
    return [
      warning(
        `${program} serves on ${text} now (process ${pid})`,
        `when nothing else is left to fix: sudo systemctl stop ${program} && sudo systemctl start framegate; or try Framegate on another port first`,
      ),
    ];
  }
  return [
    failed(
      `${text} is held by process ${pid} (${command})`,
      `stop it (kill ${pid}, or its service), or choose another port`,
    ),
  ];
}

/** A Framegate that could not be asked what it runs with. */
function describeFramegate(
  text: string,
  { pid, folder }: PortHolder,
  theirs: string,
  { file, config }: Examined,
): readonly Finding[] {
  if (isSameFile(file, theirs, folder) !== true) return [heldByOther(`${theirs} (process ${pid})`)];
  const admin = adminTargetOf(config);
  const reason =
    admin === undefined
      ? 'it has admin: off'
      : admin.tokenFault === undefined
        ? `its admin server does not answer on ${admin.address.text}`
        : `its admin server wants its token (${admin.tokenFault})`;
  return [
    ok(`held by the Framegate that runs with ${file} (process ${pid})`),
    note(
      `${reason}, so the checks below are made with a temporary proxy`,
      `to examine the running one as well, name its port as TARGET: framegate doctor -c ${file} ${text}`,
    ),
  ];
}

async function examineUnixSocket(path: string): Promise<readonly Finding[]> {
  const folder = dirname(path);
  if (!existsSync(folder)) {
    return [
      failed(
        `the folder ${folder} does not exist`,
        'make it, or let systemd do so: RuntimeDirectory=framegate',
      ),
    ];
  }
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    return [failed(`this process may not write to ${folder}`, 'change its owner or its permissions')];
  }
  if (!existsSync(path)) return [ok('it is free')];
  if (!statSync(path).isSocket()) {
    return [failed(`${path} exists and is not a socket`, 'remove it, or name another path')];
  }
  if (await isAccepting(path)) {
    return [failed(`another process accepts connections on ${path}`, `find it by: sudo ss -lxp src ${path}`)];
  }
  return [ok('a socket is left that nobody accepts on; Framegate replaces it')];
}

/** @returns the code of the error, or undefined if it could listen */
function tryToListen(
  target: Parameters<ReturnType<typeof createServer>['listen']>[0],
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer();
  server.once('error', (error) => resolve(errorCode(error) ?? error.message));
  server.listen(target, () => server.close(() => resolve(undefined)));
  return promise;
}

function isAccepting(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path });
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
