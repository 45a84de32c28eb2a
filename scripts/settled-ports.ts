// Finds a free port for everything that `npm start` runs. Where one is not as the configuration has it, the proxy gets a copy of the
// configuration with the other port.

import type { Address, ListenAddress } from '../src/config/address.ts';
import type { Config } from '../src/config/config.ts';
import { parseListenAddress } from '../src/demo/listen-probe.ts';
import { type ChosenPort, choosePorts, type Wish } from './chosen-ports.ts';
import { writeMovedCopy } from './moved-configuration.ts';
import { portObstacle } from './port-obstacle.ts';

export interface PortWishes {
  readonly file: string;
  /** For the first listener with TLS. */
  readonly port: number | undefined;
  readonly demoAddress: string;
  /** Whether the service of the demo answers at that address already, so that the address stays. */
  readonly hasService: boolean;
}

export interface SettledPorts {
  /** The configuration to serve. */
  readonly file: string;
  readonly demoAddress: string;
  /** Which ports were taken instead of which, and why. */
  readonly lines: readonly string[];
  /** Removes the copy of the configuration, if there is one. */
  readonly remove: () => void;
}

interface Place extends Wish {
  /** The address as the configuration has it. */
  readonly text: string;
  /** The place in the list of listeners, or what else it is. */
  readonly at: number | 'admin' | 'demo';
}

/** Throws if the port that a person asked for cannot be had, or if no free port is found. */
export async function settlePorts(config: Config, wishes: PortWishes): Promise<SettledPorts> {
  const places = placesOf(config, wishes);
  const chosen = await choosePorts(places, portsOfServices(config), portObstacle);
  const moved = places.map((place, index) => ({ ...place, ...describeChoice(place, chosen[index]) }));
  const changed = moved.filter(({ text, address }) => text !== address);
  const demoAddress = moved.find(({ at }) => at === 'demo')?.address ?? wishes.demoAddress;
  const lines = changed.map(({ line }) => line);
  if (changed.length === 0) return { file: wishes.file, demoAddress, lines, remove: () => undefined };
  const copy = writeMovedCopy(wishes.file, {
    listeners: new Map(changed.flatMap(({ at, address }) => (typeof at === 'number' ? [[at, address]] : []))),
    admin: changed.find(({ at }) => at === 'admin')?.address,
    endpoints: new Map(changed.flatMap(({ at, text, address }) => (at === 'demo' ? [[text, address]] : []))),
  });
  return {
    file: copy.file,
    demoAddress,
    lines: [
      ...lines,
      `wrote these ports into ${copy.file}, a copy of ${wishes.file} that is removed at the end`,
    ],
    remove: copy.remove,
  };
}

function placesOf(config: Config, { port, demoAddress, hasService }: PortWishes): readonly Place[] {
  const firstWithTls = config.listeners.findIndex(({ tls }) => tls !== undefined);
  if (port !== undefined && firstWithTls === -1) {
    throw new Error(`--port ${port} is for the first listener with TLS, and ${config.file} has none`);
  }
  const listeners = config.listeners.flatMap(({ name, address }, at) =>
    placeOf(`the listener "${name}"`, address, at).map((place) =>
      at === firstWithTls && port !== undefined ? { ...place, port, isDemanded: true } : place,
    ),
  );
  const admin = config.admin === undefined ? [] : placeOf('the admin server', config.admin.address, 'admin');
  const { host, port: demoPort } = parseListenAddress(demoAddress);
  const demo: readonly Place[] =
    hasService || host === undefined || demoPort === undefined
      ? []
      : [{ what: 'the demo service', host, port: demoPort, text: demoAddress, at: 'demo' }];
  return [...listeners, ...admin, ...demo];
}

function placeOf(what: string, address: ListenAddress, at: Place['at']): readonly Place[] {
  // Port 0 is any free one already.
  if (address.kind !== 'tcp' || address.port === 0) return [];
  return [{ what, host: address.host, port: address.port, text: address.text, at }];
}

function describeChoice(
  { what, port, text, isDemanded }: Place,
  chosen: ChosenPort,
): { readonly address: string; readonly line: string } {
  const line =
    isDemanded === true
      ? `takes port ${port} for ${what}, as --port says`
      : `takes port ${chosen.port} for ${what}, because ${chosen.reason ?? 'it is free'}`;
  return { address: text.replace(/\d+$/, String(chosen.port)), line };
}

/** @returns the ports of services that the configuration names: a listener there would get the calls that are meant for them */
function portsOfServices(config: Config): ReadonlySet<number> {
  const addresses = config.upstreams.flatMap(addressesOf);
  return new Set(addresses.flatMap((address) => (address.kind === 'tcp' ? [address.port] : [])));
}

function addressesOf(upstream: Config['upstreams'][number]): readonly Address[] {
  return upstream.endpoints.map(({ address }) => address);
}
