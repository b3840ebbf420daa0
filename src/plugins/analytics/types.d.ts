export interface PrimusOptions {
  /** What is reported, and where to. */
  analytics?: AnalyticsOptions;
}

export interface AnalyticsOptions {
  /** The category of events. Default `primus`. */
  category?: string;
  /** The name of the application, with errors. Default `primus`. */
  app?: string;
  /** Other names of events; false for none. */
  events?: Record<string, string | false>;
  /** Gets each hit. Default: `ga('send', hit)`, if the page has that function. */
  report?: (hit: AnalyticsHit) => void;
}

export type AnalyticsHit =
  | { hitType: 'event'; eventAction: string; eventCategory: string; nonInteraction: 1 }
  | { hitType: 'exception'; exDescription: string; exFatal: true; appName: string };
