/** The one version of the specification every link in this repository names; a test holds them to it. */
export const SPEC_VERSION = "v1.19";
