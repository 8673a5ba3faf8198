/* Names for containers that were given none: an adjective and a person of science or craft. */
#include "core.h"

#include <sys/random.h>

static const char *const adjectives[] = {"able", "agile", "airy", "alert", "ample", "apt", "astute",
	"avid", "balmy", "bold", "brave", "breezy", "bright", "brisk", "calm", "candid", "careful",
	"cheerful", "chief", "civil", "clear", "clever", "cosy", "crisp", "curious", "daring",
	"deft", "dapper", "eager", "early", "earnest", "even", "exact", "fair", "famous", "fine",
	"firm", "fleet", "fluent", "fond", "frank", "free", "fresh", "gentle", "gifted", "glad",
	"golden", "grand", "handy", "hardy", "honest", "humble", "ideal", "jolly", "jovial", "keen",
	"kind", "lasting", "level", "light", "lively", "lucid", "lucky", "merry", "mild", "modest",
	"neat", "nimble", "noble", "open", "patient", "plain", "plucky", "polite", "prime", "proud",
	"pure", "quick", "quiet", "rapid", "ready", "robust", "rosy", "sage", "sharp", "silent",
	"sincere", "sleek", "smart", "snug", "sober", "solid", "spry", "steady", "stout", "sunny",
	"sure", "swift", "tidy", "true", "trusty", "upbeat", "valiant", "vivid", "warm", "wise",
	"witty", "zesty"};

static const char *const surnames[] = {"abel", "agnesi", "alhazen", "ampere", "archimedes",
	"avicenna", "babbage", "banneker", "bernoulli", "bessel", "bohr", "boole", "bose", "brahe",
	"brunel", "cantor", "carver", "cauchy", "celsius", "chatelet", "church", "coulomb", "curie",
	"dalton", "darwin", "descartes", "dijkstra", "dirac", "edison", "einstein", "engelbart",
	"eratosthenes", "erdos", "euclid", "euler", "faraday", "fermat", "fermi", "fibonacci",
	"fourier", "franklin", "galileo", "galois", "gauss", "germain", "goodall", "hahn", "halley",
	"hamilton", "harvey", "heisenberg", "herschel", "hertz", "hilbert", "hooke", "hopper",
	"hubble", "hypatia", "jacobi", "jenner", "johnson", "joule", "kepler", "khwarizmi",
	"kovalevskaya", "lagrange", "lamarr", "laplace", "lavoisier", "leavitt", "leibniz",
	"liskov", "lovelace", "mach", "maxwell", "mayer", "mccarthy", "meitner", "mendel",
	"mendeleev", "mirzakhani", "napier", "newton", "nightingale", "noether", "nobel", "ohm",
	"pascal", "pasteur", "pauli", "planck", "poincare", "ptolemy", "ramanujan", "riemann",
	"ritchie", "rutherford", "sagan", "shannon", "somerville", "tesla", "thales", "torricelli",
	"turing", "volta", "watt", "wilkes", "wright", "wu", "yalow", "zuse"};

char *name_random(unsigned attempt)
{
	uint32_t r[3] = {0};
	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		log_warn("no random numbers for a name");
	const char *adjective = adjectives[r[0] % ARRAY_LEN(adjectives)];
	const char *surname = surnames[r[1] % ARRAY_LEN(surnames)];
	if (!attempt)
		return xasprintf("%s_%s", adjective, surname);
	return xasprintf("%s_%s%u", adjective, surname, r[2] % (attempt > 4 ? 100000 : 10));
}

bool name_valid(const char *name)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	return name[0] && strchr(first, name[0]) && name[1] &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				 "_.-")] == 0;
}
