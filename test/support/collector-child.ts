// A collector as a process of its own, which a test may kill. Its arguments are the protocol and the port. Whoever has started it is
// told whether a span of one of some traces has come, as often as it asks.

import { startGrpcCollector, startHttpCollector } from './collector.ts';

const [protocol, port] = process.argv.slice(2);
const nobody = { after: () => undefined };
const collector =
  protocol === 'grpc'
    ? await startGrpcCollector(nobody, 0, Number(port))
    : await startHttpCollector(nobody, () => false, Number(port));
process.on('message', (wanted) => {
  const traceIds = new Set<unknown>(Array.isArray(wanted) ? wanted : []);
  process.send?.(collector.spans.some(({ traceId }) => traceIds.has(traceId)));
});
process.once('disconnect', () => process.exit(0));
process.send?.('listens');
