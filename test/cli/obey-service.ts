// Loaded into framegate tap and its processes by a test: whoever reads the answer of a service does what that says. So a service ends the process
// as a fault of Node's HTTP/2 client would let it.

import { subscribe } from 'node:diagnostics_channel';

const orders: Readonly<Record<string, () => void>> = {
  abort: () => process.kill(process.pid, 'SIGABRT'),
  fill: () => {
    const kept: number[][] = [];
    // Few and large, since the garbage collector looks at each again and again.
    for (;;) kept.push(Array<number>(2_000_000).fill(0.5));
  },
};

subscribe('http2.client.stream.finish', (message) => {
  const headers: Readonly<Record<string, unknown>> = Object(Object(message).headers);
  orders[String(headers['x-order'])]?.();
});
