// Builds the pages into dist/, which is committed: simulcart embeds it, and is built without npm.
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the policy of the pages allows no data: but the empty icon
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: {
      input: ["watch.html"],
      output: {
        manualChunks: { hls: ["hls.js/light"] }, // changes more rarely than the page
        banner: (chunk) => (chunk.name === "hls" ? "/*! hls.js 1.7.4, Apache License 2.0, https://github.com/video-dev/hls.js */" : ""),
      },
    },
  },
  experimental: {
    // The pages are one level below the assets: /watch/maria.
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `../${name}` : { relative: true }),
  },
});
