import type { RequestHandler } from 'express';

/** For answers of the API, which no page shows: nothing in them is run, framed, guessed or kept. Pages set a policy of their own. */
export const secureHeaders: RequestHandler = (_req, res, next) => {
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.setHeader('Cache-Control', 'no-store');
  next();
};
