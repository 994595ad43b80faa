// matrix-appservice-bridge loads this native library on import, although we only write registrations with it.
// The real one downloads itself from GitHub at install; an operator who needs it removes the override.
module.exports = new Proxy(
  {},
  {
    get: (_target, key) =>
      key === "__esModule"
        ? undefined
        : class {
            constructor() {
              throw new Error("matrix-sdk-crypto-nodejs is not installed");
            }
          },
  },
);
