// The gRPC services on the admin port of Framegate itself, by the stubs that come with grpcio.

import type { InteropCase } from '../interop-case.ts';
import type { Ends, Workbench } from '../workbench.ts';

const WORKERS = 2;

function adminAddress({ child }: Awaited<ReturnType<Workbench['startFramegate']>>): string {
  const opened = child.reports.find(({ msg }) => msg === 'admin server listens');
  if (typeof opened?.address !== 'string')
    throw new Error('framegate did not log the address of its admin server');
  return opened.address;
}

async function showsChannels(bench: Workbench): Promise<void> {
  const service = await bench.startService();
  const framegate = await bench.startFramegate(service.port, { admin: { workers: WORKERS } });
  const parameters = { admin: adminAddress(framegate), service: `127.0.0.1:${service.port}` };
  await bench.finish(bench.startClient('admin_channelz', framegate.tlsAddress, parameters));
}

async function tellsHealth(bench: Workbench): Promise<void> {
  const service = await bench.startService();
  const admin = { workers: WORKERS, drainDelay: '2s' };
  const framegate = await bench.startFramegate(service.port, { admin });
  const client = bench.startClient('admin_health', framegate.tlsAddress, { admin: adminAddress(framegate) });
  await client.event('serving');
  await service.kill();
  client.command('killed');
  await client.event('out');
  framegate.child.signal('SIGTERM');
  client.command('draining');
  await bench.finish(client);
}

function needsStubs({ client }: Ends): string | undefined {
  return client?.generated === undefined ? 'needs grpcio-channelz and grpcio-health-checking' : undefined;
}

export const adminPort: readonly InteropCase[] = [
  { name: 'channelz of the admin port', run: showsChannels, cannotRun: needsStubs },
  {
    name: 'health of the admin port, through an outage and a drain',
    run: tellsHealth,
    cannotRun: needsStubs,
  },
];
