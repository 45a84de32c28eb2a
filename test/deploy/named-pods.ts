// Endpoints behind a name that a real name server (dnsmasq) serves with a time to live of one second, in a network namespace.

import { join } from 'node:path';
import type { DeployCase } from './cases.ts';
import { asRoot, run } from './commands.ts';

const program = join(import.meta.dirname, 'named-pods-inside.ts');
const timeoutMs = 5 * 60_000;

export const namedPodCases: readonly DeployCase[] = [
  {
    name: 'pods behind a name of dnsmasq come and go under load, beside a name server that never answers',
    needs: { dnsmasq: 'dnsmasq-base', unshare: 'util-linux', mount: 'mount', ip: 'iproute2' },
    needsRoot: true,
    async run({ folder }) {
      // A network and an /etc/resolv.conf of their own.
      const namespaces = ['unshare', '--net', '--mount', '--'];
      await run(asRoot(...namespaces, process.execPath, program, folder), { timeoutMs, isShown: true });
    },
  },
];
