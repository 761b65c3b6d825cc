-- A trace in Chrome's JSON as tables, and each buffer's way through it. The test puts its path where 'FILE' stands below.
CREATE TABLE item AS
  SELECT key AS n,
         value ->> '$.ph' AS ph, value ->> '$.pid' AS pid, value ->> '$.tid' AS tid,
         CAST(round((value ->> '$.ts') * 1000) AS INTEGER) AS ns,
         CAST(round((value ->> '$.dur') * 1000) AS INTEGER) AS dur,
         value ->> '$.id' AS id, value ->> '$.cat' AS cat, value ->> '$.name' AS name,
         value ->> '$.args.name' AS meta
  FROM json_each(readfile('FILE'), '$.traceEvents');
CREATE INDEX item_track ON item (ph, pid, tid, ns);
CREATE TABLE slice AS SELECT n, pid, tid, ns, ns + dur AS end, name FROM item WHERE ph = 'X';
CREATE INDEX slice_track ON slice (pid, tid, ns);
-- An arrow's end is in the innermost slice of its track: the one that began last.
CREATE TABLE bound AS
  SELECT item.id, item.ph, item.ns AS at, slice.name, slice.ns, slice.end, item.pid
  FROM item LEFT JOIN slice ON slice.n = (
    SELECT n FROM slice AS s WHERE s.pid = item.pid AND s.tid = item.tid AND s.ns <= item.ns AND item.ns < s.end
    ORDER BY s.ns DESC LIMIT 1)
  WHERE item.ph IN ('s', 't', 'f');
