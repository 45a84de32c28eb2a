// The home of grpc-health-check: grpc.health.v1 for the demo service.

import { HealthImplementation } from 'grpc-health-check';
import { voiceServiceName } from './voice-proto.ts';

export interface HealthService {
  addToServer: HealthImplementation['addToServer'];
  /** For the server as a whole ('') and for the voice service. */
  setServing(isServing: boolean): void;
}

export function createHealthService(): HealthService {
  const health = new HealthImplementation({ '': 'SERVING', [voiceServiceName]: 'SERVING' });
  return {
    addToServer: (server) => health.addToServer(server),
    setServing: (isServing) => {
      for (const service of ['', voiceServiceName]) {
        health.setStatus(service, isServing ? 'SERVING' : 'NOT_SERVING');
      }
    },
  };
}
