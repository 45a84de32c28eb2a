// Demo services on several addresses of loopback with one port, as pods behind one name in DNS are.

import type { TestContext } from 'node:test';
import { type DemoService, startDemoService } from '../../src/demo/demo-service.ts';

const TRIES = 20;

/** @param hosts addresses of 127.0.0.0/8 */
export async function startPods(t: TestContext, hosts: readonly string[]): Promise<readonly DemoService[]> {
  for (let tried = 1; ; tried++) {
    const pods: DemoService[] = [];
    try {
      for (const host of hosts)
        pods.push(await startDemoService({ address: `${host}:${pods.at(0)?.port ?? 0}` }));
      t.after(() => {
        for (const pod of pods) pod.forceClose();
      });
      return pods;
    } catch (error) {
      for (const pod of pods) pod.forceClose();
      // The port that is free on the first address is taken on another one.
      if (tried === TRIES) throw error;
    }
  }
}
