import '@cloudscape-design/global-styles/index.css';
import './style.css';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router-dom';
import { App } from './app';

const root = document.getElementById('root');
if (root === null) throw new Error('the page has a root');
createRoot(root).render(
  <BrowserRouter basename="/console">
    <App />
  </BrowserRouter>,
);
