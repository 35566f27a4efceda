export { ERRORS, type ErrorCode } from './catalogue.ts';
export { isStreampoolError, StreampoolError, type StreampoolErrorOptions } from './streampool-error.ts';
