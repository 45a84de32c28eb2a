// grpc.health.v1 for the demo service. Only this file imports grpc-health-check.

import { HealthImplementation } from 'grpc-health-check';
import { voiceServiceName } from './voice-proto.ts';

export interface HealthService {
  addToServer: HealthImplementation['addToServer'];
  /** Sets the status of the server as a whole ('') and of the voice service. */
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
