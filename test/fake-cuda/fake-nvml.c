// The stand-in for libnvidia-ml: one device at a bus address, by the documentation of nvml.h.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
typedef void *nvmlDevice_t;
typedef struct { unsigned long long total, free, used; } nvmlMemory_t;
static int initialised;
static unsigned long long millijoules = 5000;
static const nvmlDevice_t only = (nvmlDevice_t)0x7fff12345678;
int fake_nvml_open(void) { return initialised; }
int nvmlInit_v2(void) { return initialised++, 0; }
int nvmlShutdown(void) { return initialised--, 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device) { return *device = only, index == 0 ? 0 : 2; }
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, nvmlDevice_t *device) {
  return *device = only, strcmp(bus, "0000:0b:00.0") == 0 ? 0 : 6;
}
int nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned length) {
  return device == only ? snprintf(name, length, "Fake GPU") < 0 : 2;
}
int nvmlSystemGetDriverVersion(char *text, unsigned length) { return snprintf(text, length, "580.1") < 0; }
int nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
  return *memory = (nvmlMemory_t){80000000000ull, 78000000000ull, 2000000000ull}, device != only;
}
int nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts) { return *milliwatts = 123456, device != only; }
int nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *milliwatts) { return (void)device, (void)milliwatts, 3; }
int nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *celsius) { return *celsius = 41, device != only || sensor != 0; }
int nvmlDeviceGetClockInfo(nvmlDevice_t device, int clock, unsigned *megahertz) { return *megahertz = clock == 1 ? 1980 : 7, device != only; }
int nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *value) {
  return *value = millijoules += 1500, device != only;
}
