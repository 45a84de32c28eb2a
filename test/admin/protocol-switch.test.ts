// What becomes of the gRPC side of the admin port when it could not be loaded.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { AdminAccess } from '../../src/admin/admin-access.ts';
import { AdminConnections } from '../../src/admin/admin-connections.ts';
import { AdminCounts } from '../../src/admin/admin-counts.ts';
import { boundAddress, listen } from '../../src/admin/admin-socket.ts';
import { AdminTurns } from '../../src/admin/admin-turns.ts';
import { ProtocolSwitch } from '../../src/admin/protocol-switch.ts';
import { RpcServer } from '../../src/admin/rpc/rpc-server.ts';
import type { Address } from '../../src/config/address.ts';
import { Containment } from '../../src/transport/containment.ts';
import { check, connectAdmin } from '../support/admin-grpc.ts';
import { adminStateWith } from '../support/admin-state.ts';
import { eventually } from '../support/eventually.ts';

const LOOPBACK: Address = { kind: 'tcp', host: '127.0.0.1', port: 0, text: '127.0.0.1:0' };

test('a gRPC side that could not be loaded is loaded for a later connection', async (t) => {
  const state = adminStateWith({
    readiness: () => ({ ready: true }),
    rpc: { ...adminStateWith({}).rpc, services: async () => new Map() },
  });
  const counts = new AdminCounts();
  const containment = new Containment('listener', (_layer, error) => assert.fail(String(error)));
  const connections = new AdminConnections({ counts, containment, logger: undefined });
  const turns = new AdminTurns(containment);
  const access = new AdminAccess({ address: LOOPBACK, token: undefined, logger: undefined });
  let failuresLeft = 2;
  let loads = 0;
  const openRpc = async (): Promise<RpcServer> => {
    loads++;
    if (failuresLeft-- > 0) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    return new RpcServer({ address: LOOPBACK, access, state, logger: undefined, turns, counts });
  };
  const port = new ProtocolSwitch({ http: createServer(), openRpc, connections, turns, logger: undefined });
  await listen(port.server, LOOPBACK);
  t.after(() => port.close(0));
  const address = boundAddress(port.server, LOOPBACK);
  for (let attempt = 0; attempt < 2; attempt++) {
    const client = await connectAdmin(address);
    await eventually('the connection is closed', () => client.isClosed);
    port.readinessChanged();
  }
  for (let attempt = 0; attempt < 2; attempt++)
    assert.equal(await check(await connectAdmin(address), ''), 'SERVING');
  assert.equal(loads, 3, 'it is loaded once');
});
