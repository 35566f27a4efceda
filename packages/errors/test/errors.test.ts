import { ERRORS, isStreampoolError, StreampoolError } from '../src/index.ts';

test('status and retryability come from the catalogue', () => {
  const error = new StreampoolError('UPSTREAM_TIMEOUT', 'no answer within 5 s', { cause: new Error('x') });
  expect(error.status).toBe(ERRORS.UPSTREAM_TIMEOUT.status);
  expect(error.retryable).toBe(true);
  expect(error.cause).toBeInstanceOf(Error);
  expect(isStreampoolError(error, 'UPSTREAM_TIMEOUT')).toBe(true);
  expect(isStreampoolError(error, 'INTERNAL')).toBe(false);
  expect(isStreampoolError(new Error('x'))).toBe(false);
});

test('every code names an HTTP error status', () => {
  for (const { status } of Object.values(ERRORS)) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
  }
});
