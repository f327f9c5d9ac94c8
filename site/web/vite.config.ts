import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

// Django's shell links the hashed names through dist/manifest.json; `base` is STATIC_URL + "site/".
export default defineConfig({
  base: "/static/site/",
  plugins: [vue()],
  define: {
    __VUE_OPTIONS_API__: "false",
    __VUE_PROD_DEVTOOLS__: "false",
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "false",
  },
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2018", // old WebViews on hospital phones
    cssTarget: ["chrome80", "safari13"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // data: URLs would need a wider CSP
    reportCompressedSize: false,
    rollupOptions: { input: "src/main.ts", checks: { pluginTimings: false } },
  },
});
