"""The measuring part of each rule as a careful analyst would write it in DuckDB SQL: the yardstick of the engine's cost and its answers.

`lines` is the netted view that SETUP makes; {s} and {e} are the first day of the look-back and the day after the last month."""

from __future__ import annotations

SETUP = """
CREATE OR REPLACE TEMP TABLE hand_returns AS
WITH back AS (SELECT source_key, original_key, qty, amount FROM raw_lines WHERE qty < 0 AND original_key IS NOT NULL),
     less AS (SELECT original_key AS key, sum(qty) AS less_qty, sum(amount) AS less_amount FROM back GROUP BY 1),
     found AS (SELECT less.* FROM raw_lines l JOIN less ON l.source_key = less.key WHERE l.qty > 0)
SELECT key, less_qty, less_amount, false AS gone FROM found
UNION ALL SELECT source_key, 0, 0, true FROM back WHERE original_key IN (SELECT key FROM found);
CREATE OR REPLACE TEMP VIEW lines AS
SELECT * REPLACE (qty + coalesce(less_qty, 0) AS qty, amount + coalesce(less_amount, 0) AS amount), date_trunc('month', date) AS period
FROM raw_lines LEFT JOIN hand_returns ON source_key = key
WHERE NOT coalesce(gone, false) AND qty + coalesce(less_qty, 0) <> 0
"""

DRUG = "kind = 'drug' AND date >= DATE '{s}' AND date < DATE '{e}'"
ALL = "date >= DATE '{s}' AND date < DATE '{e}'"
_DDDS = "sum(qty::DECIMAL(38,5) * i.ddd_per_unit::DECIMAL(38,5))"
_DAYS = "SELECT {k}strptime(month || '-01', '%Y-%m-%d')::DATE AS period, sum(medical_income::DECIMAL(18,5)) AS income, sum(patient_days) AS patient_days FROM dept_month GROUP BY ALL"


def _aud(key: str) -> str:
    group = f"{key}, " if key else ""
    using = f"({key}, period)" if key else "(period)"
    return f"""
    SELECT {group}period, ddds, patient_days, ab_lines, ddd_lines, coalesce(ddds, 0)::DOUBLE / nullif(patient_days::DOUBLE, 0) * 100 AS value
    FROM ({_DAYS.format(k=group)}) LEFT JOIN (
      SELECT {group}period, {_DDDS} AS ddds, count(*) FILTER (qty > 0) AS ab_lines, count(*) FILTER (qty > 0 AND i.ddd_per_unit > 0) AS ddd_lines
      FROM lines JOIN items i USING (item) WHERE lines.{DRUG} AND visit_type = 'I' AND i.antibacterial_level > 0 GROUP BY ALL) USING {using}
    WHERE period >= DATE '{{s}}' AND period < DATE '{{e}}'"""


SQL: dict[str, str] = {
    "A2_CONS_INDEX": f"""
    SELECT department, period, income, control, spent, coalesce(spent, 0)::DOUBLE / nullif(income::DOUBLE, 0) * 100 AS value
    FROM (SELECT department, strptime(month || '-01', '%Y-%m-%d')::DATE AS period, sum(medical_income::DECIMAL(18,5)) AS income,
                 max(control_index) AS control FROM dept_month LEFT JOIN departments USING (department) GROUP BY ALL)
    LEFT JOIN (SELECT department, period, sum(amount) AS spent FROM lines WHERE kind = 'consumable' AND {ALL} GROUP BY ALL) USING (department, period)
    WHERE period >= DATE '{{s}}' AND period < DATE '{{e}}'""",
    "A3_AUD": _aud(""),
    "B4_AUD_JUMP": _aud("department"),
    "A4_AB_RATE": f"""
    SELECT visit_type, period, count(*) AS visits, sum(used) AS with_ab, sum(used)::DOUBLE / nullif(count(*)::DOUBLE, 0) * 100 AS value
    FROM (SELECT visit_type, period, patient, date, max(CASE WHEN i.antibacterial_level > 0 THEN 1 ELSE 0 END) AS used
          FROM lines LEFT JOIN items i USING (item) WHERE lines.{DRUG} AND visit_type IN ('O', 'E') AND qty > 0 GROUP BY ALL) GROUP BY ALL""",
    "A5_SPECIAL_SHARE": f"""
    SELECT period, ddds, special, special_lines, coalesce(special, 0)::DOUBLE / nullif(ddds::DOUBLE, 0) * 100 AS value FROM (
      SELECT period, {_DDDS} AS ddds, {_DDDS} FILTER (i.antibacterial_level >= 3) AS special,
             count(*) FILTER (i.antibacterial_level >= 3 AND qty > 0) AS special_lines
      FROM lines JOIN items i USING (item) WHERE lines.{DRUG} AND i.antibacterial_level > 0 GROUP BY ALL)""",
    "B1_ITEM_GROWTH": f"""
    SELECT item, period, sum(amount) AS amount, count(DISTINCT rx) FILTER (qty > 0) AS rx_count, sum(amount)::DOUBLE AS value
    FROM lines WHERE {ALL} GROUP BY ALL""",
    "B4_CONS_RATIO": f"""
    SELECT department, period, income, spent, lines, coalesce(spent, 0)::DOUBLE / nullif(income::DOUBLE, 0) * 100 AS value
    FROM (SELECT department, strptime(month || '-01', '%Y-%m-%d')::DATE AS period, sum(medical_income::DECIMAL(18,5)) AS income FROM dept_month GROUP BY ALL)
    LEFT JOIN (SELECT department, period, sum(amount) AS spent, count(*) FILTER (qty > 0) AS lines
               FROM lines WHERE kind = 'consumable' AND {ALL} GROUP BY ALL) USING (department, period)
    WHERE period >= DATE '{{s}}' AND period < DATE '{{e}}'""",
    "C1_COST_PER_RX": f"""
    SELECT department, doctor, period, sum(amount) AS amount, count(DISTINCT rx) FILTER (qty > 0) AS rx_count,
           sum(amount)::DOUBLE / nullif(count(DISTINCT rx) FILTER (qty > 0), 0)::DOUBLE AS value
    FROM lines WHERE {ALL} GROUP BY ALL""",
    "C2_DRUG_SHARE": f"""
    WITH own AS (SELECT department, doctor, item, period, count(DISTINCT rx) FILTER (qty > 0) AS rx_item FROM lines WHERE {DRUG} GROUP BY ALL),
         total AS (SELECT department, doctor, period, count(DISTINCT rx) FILTER (qty > 0) AS rx_count FROM lines WHERE {DRUG} GROUP BY ALL)
    SELECT department, doctor, item, '' AS drug_class, period, rx_item, rx_count, rx_item::DOUBLE / nullif(rx_count::DOUBLE, 0) * 100 AS value
    FROM own LEFT JOIN total USING (department, doctor, period)
    WHERE EXISTS (SELECT 1 FROM own o WHERE o.rx_item >= 15 AND o.department = own.department AND o.item = own.item AND o.period = own.period)""",
    "C5_CONCENTRATION": f"""
    WITH own AS (SELECT department, doctor, period, item, sum(amount) AS a FROM lines WHERE {DRUG} GROUP BY ALL HAVING sum(amount) > 0)
    SELECT *, top AS value FROM
      (SELECT department, doctor, period, sum(a::DOUBLE * a::DOUBLE) * 10000 / nullif(sum(a::DOUBLE) ^ 2, 0) AS hhi,
              max(a::DOUBLE) * 100 / nullif(sum(a::DOUBLE), 0) AS top, count(*) AS items FROM own GROUP BY ALL)
    LEFT JOIN (SELECT department, doctor, period, count(DISTINCT rx) FILTER (qty > 0) AS rx_count FROM lines WHERE {DRUG} GROUP BY ALL)
      USING (department, doctor, period)""",
    "D1_RX_GT5": f"""
    SELECT rx, department, doctor, period, count(DISTINCT item) FILTER (qty > 0) AS drugs, count(DISTINCT item) FILTER (qty > 0)::DOUBLE AS value
    FROM lines WHERE {DRUG} AND visit_type IN ('O', 'E') GROUP BY ALL HAVING count(DISTINCT item) FILTER (qty > 0) > 5""",
    "D3_AB_LEVEL": f"""
    SELECT rx, department, doctor, period, count(*) AS lines, max(i.antibacterial_level) AS used_level, min(d.antibacterial_level) AS own, count(*)::DOUBLE AS value
    FROM lines JOIN items i USING (item) JOIN (SELECT doctor, antibacterial_level FROM doctors) d USING (doctor)
    WHERE lines.{DRUG} AND qty > 0 AND i.antibacterial_level > 0 AND i.antibacterial_level > d.antibacterial_level GROUP BY ALL""",
    "D4_SEX_LIMIT": f"""
    SELECT rx, department, doctor, period, count(*) AS lines, count(*)::DOUBLE AS value
    FROM lines JOIN items i USING (item) JOIN patients p USING (patient)
    WHERE {ALL} AND qty > 0 AND i.sex_limit IN ('M', 'F') AND p.sex IN ('M', 'F') AND i.sex_limit <> p.sex GROUP BY ALL""",
    "D8_REPEAT_7D": """
    WITH d AS (SELECT DISTINCT patient, item, date, department, doctor, period FROM lines
               WHERE kind = 'drug' AND date >= DATE '{s}' - 8 AND date < DATE '{e}' AND qty > 0),
         w AS (SELECT *, max(date) OVER (PARTITION BY patient, item ORDER BY date RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND INTERVAL 1 DAY PRECEDING) AS before FROM d),
         own AS (SELECT department, doctor, period, count(*) AS times, count(DISTINCT patient) AS patients FROM w WHERE before IS NOT NULL AND date >= DATE '{s}' GROUP BY ALL)
    SELECT *, times::DOUBLE AS value FROM own LEFT JOIN
      (SELECT department, doctor, period, count(DISTINCT rx) FILTER (qty > 0) AS rx_count FROM lines
       WHERE kind = 'drug' AND date >= DATE '{s}' AND date < DATE '{e}' GROUP BY ALL) USING (department, doctor, period)""",
    "D14_SPLIT_RX": f"""
    WITH sheet AS (SELECT department, doctor, patient, date, period, rx, sum(amount) AS a FROM lines
                   WHERE {DRUG} AND visit_type IN ('O', 'E') AND qty > 0 GROUP BY ALL)
    SELECT department, doctor, patient, date, period, count(*) AS sheets, max(a) AS largest, sum(a) AS total, count(*)::DOUBLE AS value
    FROM sheet GROUP BY ALL HAVING count(*) >= 3""",
    "E1_PRICE_GAP": f"""
    SELECT item, period, sum(amount) AS paid, sum(qty) AS units, max(i.price) AS platform,
           (sum(amount)::DOUBLE / nullif(sum(qty)::DOUBLE, 0) / nullif(max(i.price)::DOUBLE, 0) - 1) * 100 AS value
    FROM (SELECT item, period, date, qty, amount FROM lines) LEFT JOIN items i USING (item) WHERE {ALL} AND qty > 0 GROUP BY ALL""",
    "E4_REP_UNREGISTERED": f"""
    SELECT rep, date_trunc('month', date)::DATE AS period, count(*) AS unregistered, count(*)::DOUBLE AS value
    FROM rep_visits WHERE registered = false AND {ALL} GROUP BY ALL""",
    "E6_TONGFANG": """
    WITH q AS (SELECT *, date_trunc('month', time)::DATE AS period, year(time) * 12 + month(time) AS mm FROM access_log
               WHERE date_trunc('month', time) >= DATE '{s}' AND date_trunc('month', time) < DATE '{e}'),
         u AS (SELECT *, count(ip) OVER (PARTITION BY "user", ip ORDER BY mm RANGE BETWEEN 5 PRECEDING AND CURRENT ROW)::DOUBLE
                       / count(ip) OVER (PARTITION BY "user" ORDER BY mm RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) AS usual FROM q),
         c AS (SELECT *, 1 + (rows >= 100)::INT + (role NOT IN ('pharmacy', 'discipline', 'audit'))::INT + (hour(time) >= 22 OR hour(time) < 6)::INT
                       + (usual < 0.2)::INT AS n FROM u WHERE group_by IN ('doctor_x_drug', 'drug_x_doctor', 'doctor_drug'))
    SELECT "user", period, count(*) AS events, max(n) AS highest, max(rows) AS most_rows, count(*)::DOUBLE AS value FROM c WHERE n >= 2 GROUP BY ALL""",
}
