-- The queries of reports, by their names. What several of them share stands in braces: see `report_rows`.

-- name: jobs
WITH counted AS ({counted} GROUP BY j.key),
money AS (
    SELECT job_key, sum({sent}) AS attempts, sum(purpose IN ('retry', 'check')) AS retried,
        ifnull(sum(text_in), 0) AS text_in, ifnull(sum(image_in), 0) AS image_in, ifnull(sum(output), 0) AS output,
        {four_numbers}, ifnull(sum(CASE WHEN released = 0 THEN expected END), 0) AS expected_micro_usd,
        sum(seconds) AS seconds
    FROM attempts WHERE catalogue = :catalogue GROUP BY job_key
),
failure AS (
    SELECT job_key, max(seq), code, message, categories FROM attempts
    WHERE catalogue = :catalogue AND brought = 0 AND code NOT IN ('', 'ok') GROUP BY job_key
),
away AS (
    SELECT job_key, min(slot), CASE reason_cause WHEN '' THEN 'download' ELSE reason_cause END AS code,
        reason_detail AS message,
        CASE reason_cause WHEN 'precheck' THEN '["' || replace(reason_detail, ', ', '", "') || '"]' END AS flagged
    FROM images WHERE catalogue = :catalogue AND (reason_code = 'download' AND state IN ('not_started', 'lost_paid')
        OR reason_cause = 'precheck' AND state = 'moderated') GROUP BY job_key
)
SELECT j.id AS job_id, j.key AS job_key, j.operation, j.model, j.size, j.quality, j.provider, j.prompt, j.tags, j.place,
    j.last_run, wanted, {outcome} AS outcome, stored, moderated, failed, uncertain, lost_paid, not_started,
    ifnull(attempts, 0), ifnull(retried, 0), ifnull(text_in, 0), ifnull(image_in, 0), ifnull(output, 0),
    ifnull(confirmed_micro_usd, 0), ifnull(estimated_micro_usd, 0), ifnull(at_risk_micro_usd, 0),
    ifnull(not_charged_micro_usd, 0), ifnull(expected_micro_usd, 0), ifnull(seconds, 0.0),
    coalesce(w.code, CASE WHEN not_started > 0 THEN nullif(j.waits, '') END, f.code, ''),
    coalesce(w.message, CASE WHEN not_started > 0 AND j.waits != '' THEN j.waits_for END, f.message, ''),
    coalesce(w.flagged, categories, '[]'),
    moderated_slots, moderated_prompt, submitted
FROM jobs j JOIN counted c ON c.job_key = j.key
    LEFT JOIN money m ON m.job_key = j.key LEFT JOIN failure f ON f.job_key = j.key
    LEFT JOIN away w ON w.job_key = j.key
WHERE j.catalogue = :catalogue ORDER BY j.seq, j.rowid

-- name: every
WITH RECURSIVE slots(slot, most) AS (
    SELECT 0, (SELECT max(n) FROM jobs WHERE catalogue = :catalogue)
    UNION ALL SELECT slot + 1, most FROM slots WHERE slot + 1 < most
),
every AS (
    SELECT key AS job_key, slot FROM jobs JOIN slots ON slot < n WHERE catalogue = :catalogue
    UNION SELECT job_key, slot FROM images WHERE catalogue = :catalogue AND (path IS NOT NULL OR url IS NOT NULL)
)

-- name: since
WITH every AS (
    SELECT job_key, slot FROM images WHERE catalogue = :catalogue AND changed >= :since
    UNION SELECT job_key, slot FROM reviews WHERE catalogue = :catalogue AND decided >= :since
)

-- name: of
WITH every AS (
    SELECT json_extract(value, '$[0]') AS job_key, json_extract(value, '$[1]') AS slot FROM json_each(:slots)
)

-- name: images
SELECT j.id AS job_id, j.key AS job_key, e.slot,
    CASE WHEN later.slot IS NULL THEN ifnull(i.state, 'not_started') ELSE 'submitted' END, ifnull(i.reason_code, ''),
    ifnull(i.reason_cause, ''), ifnull(i.reason_detail, ''), i.path, i.sha256,
    i.bytes, i.width, i.height, i.format,
    ifnull(i.mismatches, '[]'), ifnull(a.flags, '[]'),
    ifnull(i.fault, ''), ifnull(a.model, j.model), j.size, j.quality,
    ifnull(a.provider, j.provider), ifnull(i.cost, 0), ifnull(a.estimated, 0), ifnull(i.prompt, j.prompt), j.tags,
    j.last_run, i.attempt_id, i.changed, ifnull(r.decision, ''), ifnull(r.note, ''), ifnull(i.superseded, 0),
    ifnull(k.flags, '[]'), ifnull(k.alike, 0)
FROM every e JOIN jobs j ON j.catalogue = :catalogue AND j.key = e.job_key
    LEFT JOIN images i ON i.catalogue = :catalogue AND i.job_key = e.job_key AND i.slot = e.slot
    LEFT JOIN attempts a ON a.id = i.attempt_id
    LEFT JOIN reviews r ON {in_force}
    LEFT JOIN measures k ON k.catalogue = i.catalogue AND k.sha256 = i.sha256 AND NOT i.superseded
    LEFT JOIN ({coming}) later ON later.job_key = e.job_key AND later.slot = e.slot
ORDER BY j.seq, j.rowid, e.slot

-- name: usage
SELECT a.model, j.size, j.quality, a.provider, j.tags, count(DISTINCT j.key) AS jobs, sum(a.{sent}) AS attempts,
    sum(a.purpose IN ('retry', 'check')) AS retried, sum(CASE WHEN a.released = 0 THEN a.asked ELSE 0 END) AS asked,
    ifnull(sum(drawn.images), 0) AS images,
    ifnull(sum(text_in), 0), ifnull(sum(image_in), 0), ifnull(sum(output), 0), ifnull(sum(text_out), 0),
    {four_numbers}, ifnull(sum(CASE WHEN released = 0 THEN expected END), 0) AS expected_micro_usd,
    ifnull(sum(drawn.accepted), 0) AS accepted
FROM attempts a JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key
    LEFT JOIN (SELECT i.attempt_id, count(*) AS images, sum(ifnull(r.decision = 'approved', 0)) AS accepted
        FROM images i LEFT JOIN reviews r ON {in_force}
        WHERE i.catalogue = :catalogue AND i.state = 'stored' GROUP BY i.attempt_id) drawn ON drawn.attempt_id = a.id
WHERE a.catalogue = :catalogue
GROUP BY a.model, j.size, j.quality, a.provider, j.tags ORDER BY min(j.seq)

-- name: edited
SELECT DISTINCT i.sha256, j.request FROM images i JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key
WHERE i.catalogue = :catalogue AND i.state = 'stored' AND NOT i.superseded AND j.operation = 'edit'

-- name: accepted
SELECT a.model, j.quality, j.template, j.tags, min(j.id) AS example, ifnull(sum(drawn.images), 0) AS images,
    ifnull(sum(drawn.approved), 0) AS approved, ifnull(sum(drawn.rejected), 0) AS rejected, sum(a.cost) AS cost
FROM attempts a JOIN jobs j ON j.catalogue = a.catalogue AND j.key = a.job_key
    LEFT JOIN (SELECT i.attempt_id, count(*) AS images, sum(ifnull(r.decision = 'approved', 0)) AS approved,
        sum(ifnull(r.decision = 'rejected', 0)) AS rejected FROM images i LEFT JOIN reviews r ON {in_force}
        WHERE i.catalogue = :catalogue AND i.state = 'stored' GROUP BY i.attempt_id) drawn ON drawn.attempt_id = a.id
WHERE a.catalogue = :catalogue AND EXISTS (SELECT 1 FROM reviews v WHERE v.catalogue = :catalogue)
GROUP BY a.model, j.quality, j.template, j.tags ORDER BY min(j.seq)

-- name: ways
SELECT json_extract(j.variant, '$[1]') AS way, sum(r.decision = 'approved'), sum(r.decision = 'rejected')
FROM jobs j JOIN images i ON i.catalogue = j.catalogue AND i.job_key = j.key AND i.slot < j.n
    JOIN reviews r ON {in_force}
WHERE j.catalogue = :catalogue AND j.variant != '' GROUP BY way

-- name: calls
SELECT run_id, (julianday(started) - 2440587.5) * 86400.0, (julianday(ended) - 2440587.5) * 86400.0,
    seconds, brought, cost
FROM attempts WHERE catalogue = :catalogue AND ended IS NOT NULL AND {sent} ORDER BY ended

-- name: current
WITH latest AS (
    SELECT run_id, max(seq) FROM runs WHERE catalogue = :catalogue AND EXISTS
        (SELECT 1 FROM jobs WHERE jobs.catalogue = runs.catalogue AND last_run = run_id) GROUP BY manifest
),
current AS (
    SELECT i.job_key, i.slot, i.path, i.sha256, i.format, i.cost, ifnull(i.prompt, j.prompt) AS prompt, j.id, j.seq,
        j.rowid AS line, j.listing, j.variant, j.model, j.size, j.quality
    FROM jobs j JOIN images i ON i.catalogue = j.catalogue AND i.job_key = j.key AND i.slot < j.n
    WHERE j.catalogue = :catalogue AND j.last_run IN (SELECT run_id FROM latest)
        AND i.state = 'stored' AND i.fault = '' AND NOT i.superseded AND NOT EXISTS (
            SELECT 1 FROM reviews v WHERE v.catalogue = i.catalogue AND v.job_key = i.job_key AND v.slot = i.slot
                AND v.attempt_id = i.attempt_id AND v.decision = 'rejected')
)

-- name: listed
-- All images of a stock-keeping unit stand together, where its first one would; within it the manifest's order holds.
{current},
listed AS (
    SELECT *, json_extract(listing, '$[0]') AS sku FROM current
    WHERE listing != '' AND json_extract(listing, '$[0]') != ''
)
SELECT sku, row_number() OVER (PARTITION BY sku ORDER BY seq, line, slot), path,
    json_extract(listing, '$[1]'), json_extract(listing, '$[2]'),
    ifnull(json_extract(listing, '$[3]'), ''), ifnull(json_extract(listing, '$[4]'), ''),
    ifnull(json_extract(listing, '$[5]'), '')
FROM listed ORDER BY min(seq) OVER (PARTITION BY sku), min(line) OVER (PARTITION BY sku), sku, seq, line, slot

-- name: variants
-- Only what was drawn in more than one way; the ways of one image stand together.
{current},
varied AS (
    SELECT *, json_extract(variant, '$[0]') AS thing, json_extract(variant, '$[1]') AS way FROM current
    WHERE variant != ''
),
counted AS (
    SELECT *, min(way) OVER one AS least, max(way) OVER one AS most, min(seq) OVER one AS first FROM varied
    WINDOW one AS (PARTITION BY thing, slot)
)
SELECT thing, slot, way, id, job_key, path, sha256, format, model, size, quality, prompt, cost
FROM counted WHERE least != most ORDER BY first, thing, slot, seq, line

-- name: sidecars
SELECT i.path, j.id AS job_id, i.job_key, i.slot, j.request, i.sha256, i.bytes, i.width, i.height, i.format,
    i.mismatches,
    i.cost AS cost_micro_usd, a.estimated, a.model, a.provider, j.size, j.quality, a.id AS attempt_id, a.run_id,
    a.ended AS drawn, a.request_id, a.asked, a.cost AS call_micro_usd, a.usage, a.echo, a.price, r.version,
    a.prompt AS said
FROM images i JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key JOIN attempts a ON a.id = i.attempt_id
    JOIN runs r ON r.catalogue = a.catalogue AND r.run_id = a.run_id
WHERE i.catalogue = :catalogue AND i.path IS NOT NULL AND i.sha256 IS NOT NULL AND i.fault != 'overwritten'

-- name: measured
SELECT j.id, i.path, i.sha256, j.tags, m.border_off, m.margin, m.sharpness, m.looks, m.flags, m.alike
FROM images i JOIN jobs j ON j.catalogue = i.catalogue AND j.key = i.job_key
    JOIN measures m ON m.catalogue = i.catalogue AND m.sha256 = i.sha256
WHERE i.catalogue = :catalogue AND i.state = 'stored' AND NOT i.superseded ORDER BY j.seq, j.rowid, i.slot

-- name: earlier
WITH found AS (
    SELECT b.job_key, b.slot, b.path, b.sha256, b.format, a.seq FROM earlier b JOIN attempts a ON a.id = b.attempt_id
    WHERE b.catalogue = :catalogue
    UNION ALL
    SELECT n.key, s.slot, s.path, s.sha256, s.format, a.seq FROM images s
        JOIN jobs o ON o.catalogue = s.catalogue AND o.key = s.job_key
        JOIN jobs n ON n.catalogue = o.catalogue AND n.id = o.id AND n.key != o.key
        JOIN attempts a ON a.id = s.attempt_id
    WHERE s.catalogue = :catalogue AND s.superseded AND s.state = 'stored'
)
SELECT f.job_key, f.slot, f.path, f.sha256, f.format FROM found f
    JOIN images i ON i.catalogue = :catalogue AND i.job_key = f.job_key AND i.slot = f.slot
    JOIN attempts c ON c.id = i.attempt_id
WHERE i.state = 'stored' AND NOT i.superseded AND f.seq < c.seq ORDER BY f.seq

-- name: sent_images
-- Jobs that send images: edits and variations, and those that name one in a parameter.
SELECT j.key, i.value FROM jobs j, json_each(j.request, '$.images') i
WHERE j.catalogue = :catalogue AND j.operation != 'generate'
UNION ALL
SELECT j.key, json_extract(f.value, '$[1]') FROM jobs j, json_each(j.request, '$.files') f
WHERE j.catalogue = :catalogue AND instr(j.request, '"files":[[')
