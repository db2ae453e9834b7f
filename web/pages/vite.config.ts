// Builds the pages into dist/, which is committed: simulcart embeds it, and is built without npm.
import { defineConfig } from "vite";

import { dependencies } from "./package.json";

const license = `/*! hls.js ${dependencies["hls.js"]}, Apache License 2.0, see hls.js-LICENSE.txt, https://github.com/video-dev/hls.js */`;

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
      input: ["watch.html", "publish.html"],
      output: {
        manualChunks: { hls: ["hls.js/light"] }, // changes more rarely than the page
        banner: (chunk) => (chunk.name === "hls" ? license : ""),
      },
    },
  },
  experimental: {
    // The pages are one level below the assets: /watch/maria.
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `../${name}` : { relative: true }),
  },
});
