#include "store_private.h"

#include "base/mem.h"

/* Once released, a step is never edited: add another. Times are UTC nanoseconds. */
static const char *const steps[] = {
	"CREATE TABLE layers("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" diff_id TEXT NOT NULL UNIQUE,"
	" size INTEGER NOT NULL,"
	" opaque INTEGER NOT NULL);" /* hides everything below it */

	"CREATE TABLE images("
	" id TEXT PRIMARY KEY,"
	" created INTEGER NOT NULL,"
	" size INTEGER NOT NULL,"
	" last_tagged INTEGER NOT NULL) WITHOUT ROWID;"

	"CREATE TABLE image_layers("
	" image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,"
	" pos INTEGER NOT NULL,"
	" layer INTEGER NOT NULL REFERENCES layers(id),"
	" chain TEXT NOT NULL,"
	" PRIMARY KEY(image, pos)) WITHOUT ROWID;"
	"CREATE INDEX image_layers_layer ON image_layers(layer);"
	"CREATE INDEX image_layers_chain ON image_layers(chain);"

	"CREATE TABLE tags("
	" name TEXT PRIMARY KEY,"
	" image TEXT NOT NULL REFERENCES images(id)) WITHOUT ROWID;"
	"CREATE INDEX tags_image ON tags(image);"

	"CREATE TABLE repo_digests("
	" name TEXT PRIMARY KEY,"
	" image TEXT NOT NULL REFERENCES images(id)) WITHOUT ROWID;"
	"CREATE INDEX repo_digests_image ON repo_digests(image);"

	/* a container outlives its image's row: no reference to images here */
	"CREATE TABLE snapshots("
	" id TEXT PRIMARY KEY,"
	" image TEXT NOT NULL) WITHOUT ROWID;"

	"CREATE TABLE snapshot_layers("
	" snapshot TEXT NOT NULL REFERENCES snapshots(id) ON DELETE CASCADE,"
	" pos INTEGER NOT NULL,"
	" layer INTEGER NOT NULL REFERENCES layers(id),"
	" chain TEXT NOT NULL,"
	" PRIMARY KEY(snapshot, pos)) WITHOUT ROWID;"
	"CREATE INDEX snapshot_layers_layer ON snapshot_layers(layer);"
	"CREATE INDEX snapshot_layers_chain ON snapshot_layers(chain);",

	/* What lists show, so that they open no configuration: labels is a JSON object, NULL until it has
	 * been read from there. parent: the image that this one was made from here; it may be gone. */
	"ALTER TABLE images ADD COLUMN parent TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE images ADD COLUMN labels TEXT;"
	"CREATE INDEX images_parent ON images(parent);",

	/* what lies in content/, and nothing else */
	"CREATE TABLE blobs("
	" digest TEXT PRIMARY KEY,"
	" size INTEGER NOT NULL," /* -1: store_open() looks */
	" media_type TEXT NOT NULL) WITHOUT ROWID;"

	/* the digest of a layer may be known without the blob: no reference to blobs here */
	"CREATE TABLE image_blobs("
	" image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,"
	" digest TEXT NOT NULL,"
	" role INTEGER NOT NULL,"
	" size INTEGER NOT NULL,"
	" media_type TEXT NOT NULL,"
	" platform TEXT NOT NULL,"
	" added INTEGER NOT NULL,"
	" PRIMARY KEY(image, digest)) WITHOUT ROWID;"
	"CREATE INDEX image_blobs_digest ON image_blobs(digest);"

	/* which layer a blob is, compressed or not; true whether the blob is here or not */
	"CREATE TABLE layer_blobs("
	" layer INTEGER NOT NULL REFERENCES layers(id) ON DELETE CASCADE,"
	" digest TEXT NOT NULL,"
	" compression TEXT NOT NULL,"
	" PRIMARY KEY(layer, digest)) WITHOUT ROWID;"
	"CREATE INDEX layer_blobs_digest ON layer_blobs(digest);"

	"INSERT INTO blobs SELECT id, -1, '' FROM images;"
	"INSERT INTO image_blobs SELECT id, id, 0, -1, '', '', 0 FROM images;",

	/* Bytes of the layer's tar, and of its recipe on disk (recipes/<hex>/); NULL where a layer was unpacked
	 * before there were recipes. */
	("ALTER TABLE layers ADD COLUMN tar_size INTEGER;"
	 "ALTER TABLE layers ADD COLUMN recipe_size INTEGER;"),

	/* by which a container was made (driver.h) */
	"ALTER TABLE snapshots ADD COLUMN driver TEXT NOT NULL DEFAULT 'overlay2';",

	/* The manifest or index that the tag came with; '' if with none. So far only the digests of its repository tell: the
	 * one that the image has of it, if it is one. What the inner replace() takes off is the tag. */
	("ALTER TABLE tags ADD COLUMN document TEXT NOT NULL DEFAULT '';"
	 "UPDATE tags SET document = COALESCE((SELECT MIN(b.digest)"
	 " FROM repo_digests AS r JOIN image_blobs AS b ON b.image = r.image AND b.role IN (1, 2)"
	 " WHERE r.image = tags.image AND"
	 "  rtrim(tags.name, replace(tags.name, ':', '')) || b.digest = replace(r.name, '@', ':')"
	 " GROUP BY r.image HAVING COUNT(*) = 1), '');"),
};

int schema_migrate(struct db *db, struct err **err)
{
	return db_migrate(db, "store", steps, ARRAY_LEN(steps), err);
}
