// The content types of gRPC-Web and what they are in native gRPC (PROTOCOL-WEB: Content-Type, Text-encoded streams).
// Media types are compared without regard to case; parameters such as charset say nothing of octets and are not passed on.

const GRPC_WEB = /^application\/grpc-web(-text(?:-base64)?)?(\+[!#$&^_.a-z0-9-]+)?[\t ]*(?:;|$)/i;
const GRPC_SUFFIX = /^application\/grpc(\+[!#$&^_.a-z0-9-]+)/i;

export interface GrpcWebType {
  /** The body is base64. */
  readonly isText: boolean;
  /** '+proto', '+json', or '' where the sender left it out. */
  readonly suffix: string;
}

/** Undefined for everything that is not gRPC-Web. */
export function parseGrpcWebType(contentType: string | undefined): GrpcWebType | undefined {
  if (contentType === undefined) return undefined;
  const match = GRPC_WEB.exec(contentType);
  if (match === null) return undefined;
  const [, text, suffix = ''] = match;
  return { isText: text !== undefined, suffix };
}

export function nativeContentType({ suffix }: GrpcWebType): string {
  return `application/grpc${suffix}`;
}

/**
 * What a response's native content type becomes. Without a suffix of its own it gets that of the request: clients of
 * gRPC-Web take a missing one for +proto, also where they speak JSON.
 */
export function webContentType(
  nativeType: string | undefined,
  isText: boolean,
  requestSuffix: string,
): string {
  const suffix = GRPC_SUFFIX.exec(nativeType ?? '')?.[1] ?? requestSuffix;
  return `application/grpc-web${isText ? '-text' : ''}${suffix}`;
}

/**
 * Whether the response is to be base64: where Accept asks for it, and for a request in base64 unless Accept names
 * another form of gRPC-Web.
 */
export function wantsText(accept: string | undefined, isTextRequest: boolean): boolean {
  const named = (accept ?? '').split(',').map((entry) => parseGrpcWebType(entry.trim()));
  if (named.some((type) => type?.isText === true)) return true;
  return isTextRequest && named.every((type) => type === undefined);
}
