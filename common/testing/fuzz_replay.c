/* main() for fuzz targets built without libFuzzer: every file of the folders and files named on the command
 * line is given once to the target. So each compiler and sanitizer runs the corpus, in every test run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input has exactly its own size on the heap, so that AddressSanitizer sees a read past its end. */
static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;
	long size;
	size_t got;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) < 0) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	rewind(f);
	data = malloc((size_t)size);
	got = size ? fread(data, 1, (size_t)size, f) : 0;
	fclose(f);
	if (got != (size_t)size) {
		fprintf(stderr, "cannot read all of %s\n", path);
		exit(1);
	}
	LLVMFuzzerTestOneInput(data, got);
	free(data);
	return 1;
}

static int is_input(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int replay_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_input, alphasort), i;

	if (n < 0) {
		fprintf(stderr, "cannot read the folder %s\n", path);
		exit(1);
	}
	for (i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		replay_file(file);
		free(entries[i]);
	}
	free(entries);
	return n;
}

static int replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return replay_folder(path);
	return replay_file(path);
}

int main(int argc, char **argv)
{
	int i, n, total = 0;

	for (i = 1; i < argc; i++) {
		n = replay(argv[i]);
		if (n == 0) {
			fprintf(stderr, "%s holds no inputs\n", argv[i]);
			return 1;
		}
		total += n;
	}
	printf("%d inputs replayed\n", total);
	return total ? 0 : 1;
}
