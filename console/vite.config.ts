import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** While the console is worked on, `npm run dev` asks the server that runs beside it. */
const server = process.env['FORMIGA_URL'] ?? 'http://localhost:9324';

export default defineConfig({
  base: '/console/',
  plugins: [react()],
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { '^/$': server, '/console/server.json': server } },
});
