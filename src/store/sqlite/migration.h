// The format of the store's file and its steps from older ones. A file from a later croft is
// refused.
#pragma once
#include <array>

namespace croft::store {

/// Step n turns format n into n + 1 and runs in one transaction; format 0 is an empty file.
inline constexpr std::array migrations = {
    // Keys are blobs so that they compare bytewise, as the table in memory does.
    "CREATE TABLE entry(key BLOB PRIMARY KEY, value BLOB NOT NULL, created INTEGER NOT NULL,"
    " modified INTEGER NOT NULL, lease INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE lease(id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('format', 1), ('revision', 0);",
    // Values that are not held in memory. With a rowid: they are appended, whatever their keys.
    "CREATE TABLE cold(key BLOB NOT NULL UNIQUE, value BLOB NOT NULL);",
    // With a rowid, too: where values lie in the tree of the keys, each search that meets a long one
    // (a description of ten thousand components) reads all of it to compare its key.
    "ALTER TABLE entry RENAME TO entry_of_format_2;"
    "CREATE TABLE entry(key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, created INTEGER NOT NULL,"
    " modified INTEGER NOT NULL, lease INTEGER NOT NULL);"
    "INSERT INTO entry SELECT * FROM entry_of_format_2 ORDER BY key;"
    "DROP TABLE entry_of_format_2;",
};
inline constexpr int format_current = static_cast<int>(migrations.size());

/// PRAGMA application_id: "crft".
inline constexpr int application_id = 0x63726674;

}  // namespace croft::store
