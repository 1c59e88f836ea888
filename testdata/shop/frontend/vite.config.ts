import { defineConfig } from "vitest/config";

export default defineConfig({
  server: {
    // The same paths as behind nginx, see ../proxy/nginx.conf.
    proxy: { "/api": { target: "http://localhost:8000", rewrite: (path) => path.slice(4) } },
  },
  test: {
    include: ["src/**/*.test.ts"],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/**/*.test.ts"],
      reporter: ["text", "json-summary", "lcov"],
    },
  },
});
