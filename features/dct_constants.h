/* Numbers that all levels of the block energies share. Internal to features/. */
#ifndef DESY_FEATURES_DCT_CONSTANTS_H
#define DESY_FEATURES_DCT_CONSTANTS_H

#define C1 .4903926402016152f /* cos(k pi / 16) / 2 */
#define C2 .4619397662556434f
#define C3 .4157348061512726f
#define C4 .3535533905932738f
#define C5 .2777851165098011f
#define C6 .1913417161825449f
#define C7 .0975451610080642f

#define LOG_BEGIN 0x3f3504f3 /* the bits of sqrt(1/2) as float */
#define LN2 .6931471805599453f
#define A3 (1.f / 3) /* atanh(s) = s + s^3 / 3 + s^5 / 5 ...: up to (sqrt(2) - 1) / (sqrt(2) + 1) five terms are exact to 1e-9 */
#define A5 (1.f / 5)
#define A7 (1.f / 7)
#define A9 (1.f / 9)

#endif
