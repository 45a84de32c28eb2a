// Describes the machine and the programs behind the figures, which mean nothing without them.

import { arch, availableParallelism, cpus, release, type } from 'node:os';

export interface MachineDescription {
  readonly date: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  /** The versions of the proxies, the service and the load generator, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

export function describeMachine(versions: Readonly<Record<string, string>>): MachineDescription {
  return {
    date: new Date().toISOString(),
    kernel: `${type()} ${release()} ${arch()}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    versions,
  };
}

export function machineLines(machine: MachineDescription): readonly string[] {
  return [
    `date        ${machine.date}`,
    `kernel      ${machine.kernel}`,
    `CPU         ${machine.cpu}, ${machine.cores} cores`,
    ...Object.entries(machine.versions).map(([name, version]) => `${name.padEnd(12)}${version}`),
  ];
}
