// Server reflection, v1 and v1alpha, so that grpcurl needs no proto file. Only this file imports @grpc/reflection.

import { ReflectionService } from '@grpc/reflection';
import { voicePackage } from './voice-proto.ts';

export function createReflectionService(): ReflectionService {
  return new ReflectionService(voicePackage);
}
