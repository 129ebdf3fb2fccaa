// What a dashboard of deploy/observability may hold, by Grafana's own types.
import type { Dashboard as Any } from '@grafana/schema/dist/types/raw/dashboard/x/dashboard_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as TimeSeries } from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// As JSON has it: an enumeration is one of its texts.
type Plain<T> = T extends string
	? `${T}`
	: T extends Array<infer U>
		? Array<Plain<U>>
		: T extends object
			? { [K in keyof T]: Plain<T[K]> }
			: T;
// What is left out is preset.
type Some<T> = T extends Array<infer U> ? Array<Some<U>> : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;

// A panel's `options` are its plugin's, a target's fields its data source's: anything, to Dashboard.
export type Dashboard = Plain<Any>;
export type Options = { stat: Some<Plain<Stat>>; timeseries: Some<Plain<TimeSeries>> };
export type Target = { refId: string; expr: string; legendFormat?: string };
